#!/usr/bin/env bash
# Does what README.md shows: builds its program with its own commands and runs it, and runs every other C block.
#
#     with-server.sh SERVER -- readme.sh [README]
#
# The one block with `int main` becomes embed.c, in a folder that has the project's include and build; the `sh` blocks
# are run there in their order. A C block that begins with `static` is a function. Each other one becomes the body of a
# function, after those above it, that has a client, a request for an embedding, an azure_endpoint, an ollama_url, and an
# error and a status that must be NULL and OAI_OK at its end. All of them make one program, which is run.
set -euo pipefail

readme=${1:-README.md}
root=$(pwd)
out=$root/build/readme
warnings=(-std=c11 -Wall -Wextra -Wpedantic -Werror)
rm -rf "$out"
mkdir -p "$out"
# No .env is in the folders above it.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ln -s "$root/include" "$root/build" "$folder"

fail() {
    echo "readme.sh: $1" >&2
    [ $# -lt 2 ] || cat "$2" >&2
    exit 1
}

# Runs something there as a user would who knows nothing but the test server.
run() {
    (cd "$folder" && env -i HOME="$HOME" PATH="$PATH" CC="${CC:-cc}" OPENAI_BASE_URL="$OAI_TEST_SERVER/v1" \
        OAI_TEST_SERVER="$OAI_TEST_SERVER" \
        timeout 60 "$@") >"$out/log" 2>&1
}

awk -v out="$out" '
    /^```(c|sh)$/ {
        kind = substr($0, 4)
        file = sprintf("%s/block%02d.%s", out, ++count, kind)
        if (kind == "c") print "#line " NR + 1 " \"README.md\"" > file
        inside = 1
        next
    }
    /^```/ && inside { inside = 0; close(file); next }
    inside { print > file }
' "$readme"

# ===== the program and the commands =====

program=$(grep -l 'int main' "$out"/block*.c) || fail "$readme shows no program"
[ "$(wc -l <<<"$program")" -eq 1 ] || fail "$readme shows more than one program, but embed.c is one"
cp "$program" "$folder/embed.c"
# shellcheck disable=SC2016  # the shell that runs the commands expands it
{
    echo 'set -eu'
    echo "cc() { command \"\$CC\" ${warnings[*]} \"\$@\"; }"
    cat "$out"/block*.sh
} >"$folder/commands"
run bash commands || fail "the commands of $readme failed:" "$out/log"
for made in embed embed-static; do
    [ -x "$folder/$made" ] || fail "the commands of $readme do not make $made"
    run "./$made" || fail "$made failed:" "$out/log"
    grep -q '1536 numbers' "$out/log" || fail "$made printed something else:" "$out/log"
done

# ===== the fragments =====

# The input of the batch.
echo '{"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "a"}}' \
    >"$folder/requests.jsonl"

fragments=0
{
    cat <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "oai.h"
static const char *azure_endpoint;
static char ollama_url[256];
static oai_client *client;
static oai_request *request;
static oai_error *error;
static oai_status status;
static void done(const char *what)
{
    if (status == OAI_OK && error == NULL)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, oai_status_name(status), oai_error_message(error));
    exit(1);
}
END
    calls=
    for block in "$out"/block*.c; do
        [ "$block" != "$program" ] || continue
        name=$(basename "$block" .c)
        if sed -n 2p "$block" | grep -q '^static '; then
            cat "$block"
        else
            printf 'static void %s(void)\n{\n' "$name"
            cat "$block"
            printf '}\n'
            calls+="    $name(); done(\"README.md:$(sed -n "1s/#line \([0-9]*\) .*/\1/p" "$block")\");"$'\n'
            fragments=$((fragments + 1))
        fi
    done
    printf "#line 1 \"fragments.c\"\n"
    cat <<END
int main(void)
{
    const char *text = "A text.";
    azure_endpoint = getenv("OAI_TEST_SERVER");
    snprintf(ollama_url, sizeof ollama_url, "%s/v1", azure_endpoint);
    status = oai_client_new(NULL, 0, &client, &error); done("client");
    status = oai_request_new("POST", "/embeddings", &request, &error); done("request");
    status = oai_request_set_model(request, "text-embedding-3-small"); done("model");
    status = oai_request_set_inputs(request, &text, NULL, 1); done("inputs");
$calls
    status = oai_client_close(client, 30000, &error); done("close");
    oai_request_free(request);
    oai_client_free(client);
    status = oai_shutdown(1000, &error); done("shutdown");
    puts("the end");
}
END
} >"$out/fragments.c"
"${CC:-cc}" "${warnings[@]}" -g -Iinclude "$out/fragments.c" -o "$out/fragments" -Lbuild/lib -loaic \
    -Wl,-rpath,"$root/build/lib"
run "$out/fragments" || fail "a fragment of $readme failed:" "$out/log"
# What callbacks print shows that they were called: one of an embedding, and one of a stream with its chunks.
for line in 'request [0-9]*: OAI_OK' 'chat.completion.chunk' 'tag 42: OAI_OK' 'to be called: .*tide' 'b64_json' \
    'Old boats are mended here' 'the end'; do
    grep -q "$line" "$out/log" || fail "the fragments of $readme did not print $line:" "$out/log"
done
echo "README.md: its program, its commands and $fragments fragments work"
