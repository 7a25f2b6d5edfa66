#!/usr/bin/env bash
# Compiles every C block of README.md, and runs those that are whole programs against the test server.
#
#     with-server.sh SERVER -- readme.sh [README]
#
# A block with `int main` is a program: it is linked as the README tells users to, and must exit with 0. Any other
# block must compile inside a function that has a client, a request, a response, a queue and an error.
set -euo pipefail

readme=${1:-README.md}
root=$(pwd)
out=build/readme
warnings=(-std=c11 -Wall -Wextra -Wpedantic -Werror)
rm -rf "$out"
mkdir -p "$out"
# Programs run where no .env is in the folders above.
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT

awk -v out="$out" '
    /^```c$/ { block++; name = sprintf("%s/block%02d.c", out, block); inside = 1; print "#line " NR + 1 " \"README.md\"" > name; next }
    /^```/ && inside { inside = 0; close(name); next }
    inside { print > name }
' "$readme"

programs=0 fragments=0
for source in "$out"/block*.c; do
    if [ ! -e "$source" ]; then
        echo "readme.sh: $readme has no C block" >&2
        exit 1
    fi
    if grep -q 'int main' "$source"; then
        "${CC:-cc}" "${warnings[@]}" -Iinclude "$source" -o "${source%.c}" -Lbuild/lib -loaic -Wl,-rpath,"$root/build/lib"
        if ! (cd "$empty" && env -i HOME="$HOME" PATH="$PATH" OPENAI_API_KEY=test \
            OPENAI_BASE_URL="$OAI_TEST_SERVER/v1" timeout 60 "$root/${source%.c}") >"${source%.c}.out" 2>&1; then
            echo "readme.sh: the program of $(head -n 1 "$source") failed:" >&2
            cat "${source%.c}.out" >&2
            exit 1
        fi
        programs=$((programs + 1))
    else
        {
            printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include "oai.h"\n'
            printf 'void block(oai_client *client, oai_request *request, oai_response *response, oai_queue *queue,\n'
            printf '           oai_error *error);\n'
            printf 'void block(oai_client *client, oai_request *request, oai_response *response, oai_queue *queue,\n'
            printf '           oai_error *error) {\n(void)client; (void)request; (void)response; (void)queue; (void)error;\n'
            cat "$source"
            printf '}\n'
        } >"${source%.c}.wrapped.c"
        "${CC:-cc}" "${warnings[@]}" -Wno-unused -Iinclude -fsyntax-only "${source%.c}.wrapped.c"
        fragments=$((fragments + 1))
    fi
done
if [ $programs -eq 0 ]; then
    echo "readme.sh: $readme shows no whole program" >&2
    exit 1
fi
echo "README.md: $programs programs ran, $fragments fragments compiled"
