#!/usr/bin/env bash
# Checks that CONTRIBUTING.md says of each direct dependency what it is for, and of nothing else.
#
# A dependency has a line of its own there that begins with "- `name`:".
set -euo pipefail
export LC_ALL=C

used=$(cargo metadata --no-deps --locked --format-version 1 |
    grep -oE '\{"name":"[^"]+","source":"registry' | cut -d '"' -f 4 | sort -u)
told=$(sed -n '/^## Dependencies/,$s/^- `\([a-z0-9_-]*\)`: .*/\1/p' CONTRIBUTING.md | sort)
if [ "$used" != "$told" ]; then
    echo "CONTRIBUTING.md and the manifests differ (<: only in a Cargo.toml, >: only in CONTRIBUTING.md):" >&2
    diff <(echo "$used") <(echo "$told") | grep '^[<>]' >&2
    exit 1
fi
