#!/usr/bin/env bash
# Runs a command while a server runs, and ends the server whatever happens.
#
#     with-server.sh SERVER [ARGUMENT...] -- COMMAND [ARGUMENT...]
#
# The server prints its URL as its first line; the command finds it in OAI_TEST_SERVER. Exits as the command does.
set -euo pipefail

server=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    server+=("$1")
    shift
done
if [ ${#server[@]} -eq 0 ] || [ $# -lt 2 ]; then
    echo "usage: with-server.sh SERVER [ARGUMENT...] -- COMMAND [ARGUMENT...]" >&2
    exit 2
fi
shift

exec 3< <(exec "${server[@]}")
server_pid=$!
stop() {
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if ! IFS= read -r -t 60 url <&3 || [[ $url != http://* ]]; then
    echo "with-server.sh: ${server[0]} did not print its URL (its first line: ${url:-none})" >&2
    exit 1
fi
# Whatever else the server prints must not block it.
cat <&3 >&2 &
exec 3<&-

OAI_TEST_SERVER=$url "$@"
