#!/usr/bin/env bash
# Compiles the C++ headers and what uses them without a warning, by each compiler at hand, in each standard that they
# promise: oai.hpp twice in one file, with results and with exceptions, and the files given, such as the examples; and in
# the oldest standard each of include/oai alone. Run by `make test-cpp`.
#
#     cpp-headers.sh FILE.cpp...
set -euo pipefail

warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

printf '#include "oai.hpp"\n#include "oai.hpp"\n' >"$scratch/twice.cpp"
mkdir "$scratch/alone"
for header in include/oai/*.hpp; do
    name=$(basename "$header" .hpp)
    printf '#include "oai/%s.hpp"\n' "$name" >"$scratch/alone/$name.cpp"
done

passed=0
# The compilers take several files, one after the other.
compile() {
    "$@" "${warnings[@]}" -Iinclude -fsyntax-only
    passed=$((passed + 1))
}

compilers=("${CXX:-c++}")
! command -v clang++ >/dev/null || compilers+=(clang++)
for compiler in "${compilers[@]}"; do
    compile "$compiler" -std=c++17 "$scratch"/alone/*.cpp
    for standard in c++17 c++20 c++2b; do
        compile "$compiler" -std=$standard "$scratch/twice.cpp" "$@"
        compile "$compiler" -std=$standard -DOAI_EXCEPTIONS "$scratch/twice.cpp"
    done
done
echo "oai.hpp twice, each of its parts alone, and what uses them: $passed passed, 0 failed"
