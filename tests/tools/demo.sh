#!/usr/bin/env bash
# Runs the search example: against the real API when there is a key, else against a server on loopback.
#
#     demo.sh [--model NAME] SERVER PROGRAM TEXT QUERY...
#
# With --model the server is always used, with that model. SERVER may hold arguments, separated by blanks.
set -euo pipefail

model=
if [ "$1" = --model ]; then
    model=$2
    shift 2
fi
read -r -a server <<<"$1"
shift

# The .env that the library would read: the one named by OAI_DOTENV, else the nearest here or above.
dotenv() {
    local folder=$PWD
    local wish=${OAI_DOTENV:-}
    case ${wish,,} in
        0 | false | off) return ;;
        '' | 1 | true | on) ;;
        *) echo "$wish" && return ;;
    esac
    while [ ! -f "$folder/.env" ]; do
        [ "$folder" != / ] || return 0
        folder=$(dirname "$folder")
    done
    echo "$folder/.env"
}

has_key() {
    local file
    [ -z "${OPENAI_API_KEY:-}${OAI_API_KEY:-}" ] || return 0
    file=$(dotenv)
    [ -f "$file" ] && sed '1s/^\xEF\xBB\xBF//' "$file" |
        grep -qE "^[[:space:]]*(export[[:space:]]+)?(OPENAI|OAI)_API_KEY[[:space:]]*=[[:space:]]*[\"']?[^\"'#[:space:]]"
}

if [ -z "$model" ] && has_key; then
    echo "Searching with the API key of the environment or .env." >&2
    exec "$@"
fi

if [ -n "$model" ]; then
    echo "Searching with $model on this machine." >&2
else
    echo "No OPENAI_API_KEY is set here or in a .env: searching with the test server, which knows words but no meaning." >&2
fi
# Nothing of the developer's settings may lead the key or the requests elsewhere.
# shellcheck disable=SC2016  # the inner shell expands it: it is the one that has OAI_TEST_SERVER
exec "$(dirname "$0")/with-server.sh" "${server[@]}" --port 0 -- \
    env -u OAI_API_KEY -u OAI_BASE_URL OAI_DOTENV=false NO_PROXY='*' no_proxy='*' OPENAI_API_KEY=demo \
    ${model:+OAI_EXAMPLE_MODEL="$model"} \
    bash -c 'OPENAI_BASE_URL=$OAI_TEST_SERVER/v1 exec "$@"' demo "$@"
