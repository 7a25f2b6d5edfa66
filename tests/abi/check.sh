#!/usr/bin/env bash
# Checks what the built shared library shows to the world, against the header and the list of symbols.
#
#     check.sh [LIBRARY [HEADER [SYMBOLS]]]
#
# The exported symbols, the functions that the header declares and the lines of symbols.txt must be the same set; the
# library must have its SONAME, must never be unloaded, and must be linked hard (relro, now, no executable stack).
set -euo pipefail
export LC_ALL=C

library=${1:-build/lib/liboaic.so.0}
header=${2:-include/oai.h}
list=${3:-tests/abi/symbols.txt}
failed=0

fail() {
    echo "check.sh: $1" >&2
    failed=1
}

# Reports the lines that only one of two sorted lists has.
compare() {
    local only
    only=$(comm -23 <(printf '%s\n' "$2") <(printf '%s\n' "$4"))
    [ -z "$only" ] || fail "in $1 but not in $3: $(tr '\n' ' ' <<<"$only")"
    only=$(comm -13 <(printf '%s\n' "$2") <(printf '%s\n' "$4"))
    [ -z "$only" ] || fail "in $3 but not in $1: $(tr '\n' ' ' <<<"$only")"
}

exported=$(nm -D --defined-only "$library" | awk '{ print $NF }' | sort -u)
listed=$(awk '!/^#/ && NF { print $1 }' "$list" | sort -u)
# A declared function: its name stands before the first parenthesis of a line that is neither comment nor typedef.
declared=$(sed -n '/^typedef/!s/^[a-z][A-Za-z0-9_ *]*[ *]\(oai_[a-z0-9_]*\)(.*/\1/p' "$header" | sort -u)

[ -n "$exported" ] || fail "$library exports nothing"
compare "$library" "$exported" "$list" "$listed"
compare "$header" "$declared" "$list" "$listed"

dynamic=$(readelf -dW "$library")
segments=$(readelf -lW "$library")
grep -q 'SONAME.*\[liboaic\.so\.0\]' <<<"$dynamic" || fail "$library has not the SONAME liboaic.so.0"
grep -q 'FLAGS_1.*NODELETE' <<<"$dynamic" || fail "$library lacks -z nodelete: dlclose would unmap running code"
grep -q 'FLAGS_1.*NOW' <<<"$dynamic" || fail "$library lacks -z now"
grep -q 'GNU_RELRO' <<<"$segments" || fail "$library lacks -z relro"
grep -q 'GNU_STACK.* RW ' <<<"$segments" || fail "$library asks for an executable stack"

[ $failed -eq 0 ] || exit 1
echo "$(wc -l <<<"$exported") exported symbols: the library, the header and the list agree"
