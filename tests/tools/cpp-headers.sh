#!/usr/bin/env bash
# Compiles the C++ headers without a warning: each of include/oai alone, and oai.hpp twice in one file, by each compiler
# at hand, in each standard that they promise, with results and with exceptions. Run by `make test-cpp`.
set -euo pipefail

warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

printf '#include "oai.hpp"\n#include "oai.hpp"\n' >"$scratch/twice.cpp"
for header in include/oai/*.hpp; do
    name=$(basename "$header" .hpp)
    printf '#include "oai/%s.hpp"\n' "$name" >"$scratch/$name.cpp"
done

passed=0
compilers=("${CXX:-c++}")
! command -v clang++ >/dev/null || compilers+=(clang++)
for compiler in "${compilers[@]}"; do
    for standard in c++17 c++20 c++2b; do
        for outcome in "" -DOAI_EXCEPTIONS; do
            # The compilers take several files, one after the other.
            "$compiler" -std=$standard "${warnings[@]}" ${outcome:+"$outcome"} -Iinclude -fsyntax-only "$scratch"/*.cpp
            passed=$((passed + 1))
        done
    done
done
echo "oai.hpp twice and each of its parts alone: $passed passed, 0 failed"
