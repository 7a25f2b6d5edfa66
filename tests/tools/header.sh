#!/usr/bin/env bash
# Compiles include/oai.h alone, in every standard that it promises, with each compiler at hand; then links a program
# of two files that both include it twice, in C, and one of a C and a C++ file.
#
#     header.sh [FOLDER]         FOLDER, by default include, has the oai.h to check
set -euo pipefail

include=${1:-include}
warnings=(-Wall -Wextra -Wpedantic -Werror)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

printf '#include "oai.h"\n' | tee "$scratch/alone.c" >"$scratch/alone.cpp"
for part in one two; do
    cat >"$scratch/$part.c" <<END
#include "oai.h"
#include "oai.h"

oai_status status_of_$part(void);

oai_status status_of_$part(void) {
    return OAI_OK;
}
END
done
cat >"$scratch/main.c" <<'END'
#include "oai.h"

oai_status status_of_one(void);
oai_status status_of_two(void);

int main(void) {
    return status_of_one() == OAI_OK && status_of_two() == OAI_OK && OAI_STRLEN == SIZE_MAX ? 0 : 1;
}
END
cat >"$scratch/main.cpp" <<'END'
#include "oai.h"

extern "C" oai_status status_of_one(void);
extern "C" oai_status status_of_two(void);

int main() {
    return status_of_one() == OAI_OK && status_of_two() == OAI_OK && OAI_STRLEN == SIZE_MAX ? 0 : 1;
}
END

passed=0
for compiler in "${CC:-cc}" gcc clang; do
    command -v "$compiler" >/dev/null || continue
    for standard in c99 c11 c2x; do
        "$compiler" -std=$standard "${warnings[@]}" -I"$include" -fsyntax-only "$scratch/alone.c"
        passed=$((passed + 1))
    done
    "$compiler" -std=c99 "${warnings[@]}" -I"$include" "$scratch"/{one,two,main}.c -o "$scratch/program"
    "$scratch/program"
    passed=$((passed + 1))
done
"${CC:-cc}" -std=c99 "${warnings[@]}" -I"$include" -c "$scratch/one.c" -o "$scratch/one.o"
"${CC:-cc}" -std=c99 "${warnings[@]}" -I"$include" -c "$scratch/two.c" -o "$scratch/two.o"
for compiler in "${CXX:-c++}" g++ clang++; do
    command -v "$compiler" >/dev/null || continue
    for standard in c++11 c++17 c++20; do
        "$compiler" -std=$standard "${warnings[@]}" -I"$include" -fsyntax-only "$scratch/alone.cpp"
        passed=$((passed + 1))
    done
    "$compiler" -std=c++11 "${warnings[@]}" -I"$include" "$scratch"/main.cpp "$scratch"/{one,two}.o -o "$scratch/program"
    "$scratch/program"
    passed=$((passed + 1))
done
echo "oai.h alone and twice: $passed passed, 0 failed"
