#!/usr/bin/env bash
# Builds something with cargo and puts the file it made where make wants it, if it is not the same file already.
#
#     artifact.sh NAME TARGET CARGO-ARGUMENT...      e.g. artifact.sh liboaic.a build/lib/liboaic.a rustc --release ...
#
# Cargo says itself where it wrote the file, so a CARGO_TARGET_DIR or a configured target does no harm. TARGET keeps
# its time when nothing changed, so that what is linked with it is not linked again.
set -euo pipefail

name=$1 target=$2
shift 2
file=$(cargo "$@" --message-format=json-render-diagnostics |
    sed -n "s|^{\"reason\":\"compiler-artifact\".*\"\([^\"]*/${name//./\\.}\)\".*|\1|p" | tail -n 1)
if [ -z "$file" ]; then
    echo "artifact.sh: cargo $1 made no $name" >&2
    exit 1
fi
if ! cmp -s "$file" "$target"; then
    mkdir -p "$(dirname "$target")"
    # A new file under a name of its own first: a program that runs the old one keeps it.
    cp "$file" "$target.new"
    mv -f "$target.new" "$target"
fi
