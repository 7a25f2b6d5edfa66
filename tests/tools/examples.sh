#!/usr/bin/env bash
# Runs the C examples and the demo against the test server and looks at what they print.
#
#     examples.sh [--valgrind] SERVER TEXT QUERY...
#
# TEXT and the three QUERYs are those of `make demo`. With --valgrind the examples run under it, and only its judgement
# and their exit status count.
set -euo pipefail

valgrind=()
if [ "$1" = --valgrind ]; then
    shift
    valgrind=(valgrind --quiet --error-exitcode=9 --leak-check=full
        "--show-leak-kinds=definite,indirect" "--errors-for-leak-kinds=definite,indirect")
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
server=$(realpath "$1") text=$(realpath "$2")
shift 2

# How the paragraph begins that must be the best for each query; test_minilm.py asks a real model for the same.
best=("Old Marten Hale builds and repairs" "The bakery on Cooper's Lane" "When fog rolls in, ships")

# No .env is in the folders above it.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out err=$folder/err

fail() {
    echo "examples.sh: $1" >&2
    cat "$out" "$err" >&2
    exit 1
}

# Runs a command in that folder with nothing of the host's environment but HOME and PATH.
clean() {
    (cd "$folder" && env -i HOME="$HOME" PATH="$PATH" timeout 120 "$@") >"$out" 2>"$err"
}

# Runs an example beside a test server.
example() {
    local program=$root/build/examples/$1
    shift
    # shellcheck disable=SC2016  # the inner shell expands it: it is the one that has OAI_TEST_SERVER
    clean "$root/tests/tools/with-server.sh" "$server" --port 0 -- \
        bash -c 'OPENAI_BASE_URL=$OAI_TEST_SERVER/v1 exec "$@"' example "${valgrind[@]}" "$program" "$@"
}

# The best paragraphs that a search printed, one a line: each stands, with its score, behind its query.
winners() {
    awk 'behind { sub(/^ +-?[0-9.]+ +/, ""); print } { behind = previous == "" && $0 !~ /^ / && $0 != ""; previous = $0 }' "$out"
}

check_search() {
    local found i
    mapfile -t found < <(winners)
    [ ${#found[@]} -eq ${#best[@]} ] || fail "$1 printed ${#found[@]} answers"
    for i in "${!best[@]}"; do
        [[ ${found[i]} == "${best[i]}"* ]] || fail "$1: the best paragraph for query $((i + 1)) is: ${found[i]}"
    done
}

echo OPENAI_API_KEY=from-dotenv >"$folder/.env"

example search "$text" "$@" || fail "search failed"
check_search search
printf '%s\n' "$@" | example search "$text" || fail "search with queries from its standard input failed"
check_search "search with queries from its standard input"

example async || fail "async failed"
grep -q '^embedded 1000 of 1000 texts, [1-9][0-9]* tokens, mean similarity 0\.' "$out" || fail "async printed something else"

printf 'one\n\nthree\n%s' "$(seq 4 200)" | example poll || fail "poll failed"
[ "$(sed 's/:.*//' "$out" | sort -u | wc -l)" -eq 199 ] || fail "poll did not answer each line that is not empty"
grep -q '^line 200: 1536 numbers' "$out" || fail "poll printed something else"

example json || fail "json failed"
grep -q '^{"object":"list","data":\[{"object":"embedding","index":0,"embedding":\[-\?0\.' "$out" ||
    fail "json printed no answer with floats"
for value in '"max_concurrent_requests":{"source":"explicit","value":10}' '"queue_size":{"source":"explicit","value":200}' \
    '"max_retries":{"source":"explicit","value":8}' '"initial_retry_delay_ms":{"source":"explicit","value":2000}' \
    '"backoff_factor":{"source":"explicit","value":3.0}' '"max_retry_delay_ms":{"source":"explicit","value":120000}' \
    "\"api_key\":{\"line\":1,\"path\":\"$folder/.env\",\"source\":\"dotenv\",\"value\":\"\*\*\*\""; do
    grep -q "$value" "$out" || fail "json did not print $value"
done

if [ ${#valgrind[@]} -gt 0 ]; then
    echo "examples: nothing lost under valgrind"
    exit
fi

for source in "$root"/bindings/c/examples/*.c; do
    [ "$(wc -l <"$source")" -lt 150 ] || fail "$source has 150 lines or more"
done

# ===== the demo =====

demo=("$root/tests/tools/demo.sh" "$server")
clean env OAI_DOTENV=off "${demo[@]}" "$root/build/examples/search" "$text" "$@" || fail "the demo failed"
check_search "the demo"
grep -q 'test server' "$err" || fail "the demo does not say that it uses the test server"

# Which server a demo with these settings uses: the program is `env`, which shows what it was given.
check_choice() {
    local expected=$1 used=real
    shift
    clean env "$@" "${demo[@]}" env || fail "demo.sh failed with: $*"
    ! grep -q '^OPENAI_BASE_URL=http://127' "$out" || used="test"
    [ $used = "$expected" ] || fail "the demo uses the $used server with: $*"
}
check_choice real
check_choice test OAI_DOTENV=False
check_choice test OAI_DOTENV=0
check_choice real OAI_DOTENV=on
check_choice real OAI_DOTENV=off OPENAI_API_KEY=sk
check_choice test OPENAI_API_KEY='' OAI_DOTENV=off
check_choice test OAI_DOTENV=missing.env
printf '# OPENAI_API_KEY=sk\nOPENAI_API_KEY=\n' >"$folder/.env"
check_choice test
printf '\xEF\xBB\xBFexport OAI_API_KEY = "sk"\n' >"$folder/other.env"
check_choice real OAI_DOTENV=other.env
echo "examples: search, async, poll, json and the demo print what they should"
