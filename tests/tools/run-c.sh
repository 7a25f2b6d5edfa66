#!/usr/bin/env bash
# Runs the C and C++ test programs, each with a test server of its own.
#
#     run-c.sh [--valgrind] SOURCE...
#
# SOURCE is tests/c/NAME.c or .cpp, built as build/tests/NAME.c.test or NAME.cpp.test. A program has passed when it
# exits with 0 and its last line is `ok NAME`. It runs in an empty folder and with nothing of the host's environment
# but HOME and PATH, so that no key and no .env of the developer's reaches it. Under valgrind, programs whose source
# says `valgrind: no` are left out, with the reason given there.
set -euo pipefail

valgrind=()
memcheck=no
if [ "${1:-}" = --valgrind ]; then
    shift
    memcheck=yes
    valgrind=(valgrind --quiet --error-exitcode=9 --leak-check=full
        "--show-leak-kinds=definite,indirect" "--errors-for-leak-kinds=definite,indirect")
fi
if [ $# -eq 0 ]; then
    echo "run-c.sh: tests/c has no test program" >&2
    exit 1
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/empty"

# Long enough for a slow machine, short enough to end a hang; valgrind is some thirty times slower.
limit=$([ $memcheck = yes ] && echo 900 || echo 180)
passed=0 failed=0
for source in "$@"; do
    file=$(basename "$source")
    name=${file%.*}
    if [ $memcheck = yes ] && reason=$(grep -m1 -o 'valgrind: no.*' "$source"); then
        echo "  left out  $name: ${reason% \*/}"
        continue
    fi
    started=$SECONDS
    status=0
    # shellcheck disable=SC2016  # the inner shell expands them: it is the one that has OAI_TEST_SERVER
    (cd "$scratch/empty" && "$root/tests/tools/with-server.sh" "$root/build/bin/oai-test-server" --port 0 -- \
        bash -c 'exec env -i HOME="$HOME" PATH="$PATH" OAI_TEST_SERVER="$OAI_TEST_SERVER" "$@"' run-c \
        timeout --kill-after=10 "$limit" "${valgrind[@]}" "$root/build/tests/$file.test") \
        >"$scratch/out" 2>"$scratch/err" || status=$?
    if [ $status -eq 0 ] && [ "$(tail -n 1 "$scratch/out")" = "ok $name" ]; then
        passed=$((passed + 1))
        echo "  ok        $name ($((SECONDS - started)) s)"
    else
        failed=$((failed + 1))
        case $status in
            0) why="its last line is not \`ok $name\`" ;;
            9) why="valgrind found errors" ;;
            124 | 137) why="it did not end within $limit s" ;;
            *) why="exit status $status" ;;
        esac
        echo "  FAILED    $name: $why"
        sed 's/^/            /' "$scratch/out" "$scratch/err"
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
