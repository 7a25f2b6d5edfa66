#!/usr/bin/env bash
# Checks that the tools are there in a sufficient version, and installs what the distribution can give.
#
#     setup.sh [build|test|lint|model|contract]
#
# Run by make before anything else. As root, or with a sudo that asks nothing, apt-get installs what is missing;
# otherwise, and for what no package has, it prints the command to run and exits with 1. It never removes a package
# and asks the network for nothing while all is well.
set -euo pipefail

kind=${1:-build}
rust_floor=1.85
rustup="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""

# ===== what is there =====

# Whether version $1 is at least $2.
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# The first version number in what a program says of itself; nothing when it does not run.
version() {
    "$@" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1
}

rust_is_good() {
    local tool found
    for tool in rustc cargo; do
        found=$(version $tool) || return 1
        at_least "$found" $rust_floor || return 1
    done
}

# Newer ones fetch the toolchain that bindings/go/go.mod asks for by themselves.
go_is_good() {
    local found
    found=$(go version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+' | head -n 1) && at_least "$found" 1.21
}

# Whether a compiler makes a program of the newest standard in use here, in the language $2.
compiles() {
    printf '#include <stdint.h>\nint main(void) { return 0; }\n' |
        "$1" -x "$2" "-std=$3" -o /dev/null - 2>/dev/null
}

# What bindings/node supports; Debian's npm is a package of its own.
node_is_good() {
    local found
    has npm && found=$(version node) && at_least "$found" 18
}

# Debian has venv and ensurepip in a package of their own.
python_is_good() {
    python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

# The gem in bindings/ruby, with what it and its tests load.
ruby_is_good() {
    ruby -e 'require "ffi"; require "minitest"; require "rbs"; exit RUBY_VERSION >= "3.1"' 2>/dev/null
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# Names what is missing, one word each.
missing() {
    rust_is_good || echo rust
    # c2x and c++2b are what the headers are checked with; the library and the examples need C11.
    case $kind in
        test)
            compiles "${CC:-cc}" c c2x || echo cc
            compiles "${CXX:-c++}" c++ c++2b || echo c++
            has valgrind || echo valgrind
            { has nm && has readelf; } || echo binutils
            go_is_good || echo go
            node_is_good || echo node
            python_is_good || echo python
            ruby_is_good || echo ruby
            # For the runner of the behaviour suite.
            echo '#include <cjson/cJSON.h>' | "${CC:-cc}" -E -x c - >/dev/null 2>&1 || echo cjson
            # For the tests of the C++ layer, whose headers clang reads too.
            echo '#include <gtest/gtest.h>' | "${CXX:-c++}" -std=c++17 -E -x c++ - >/dev/null 2>&1 || echo gtest
            echo '#include <nlohmann/json.hpp>' | "${CXX:-c++}" -std=c++17 -E -x c++ - >/dev/null 2>&1 || echo nlohmann
            has clang++ || echo clang
            # For what is installed, as strangers find it.
            has cmake || echo cmake
            has pkg-config || echo pkg-config
            ;;
        *) compiles "${CC:-cc}" c c11 || echo cc ;;
    esac
    has make || echo make
    if [ "$kind" = lint ]; then
        cargo fmt --version >/dev/null 2>&1 || echo rustfmt
        cargo clippy --version >/dev/null 2>&1 || echo clippy
    fi
    if [ "$kind" = model ]; then
        python_is_good || echo python
    fi
    if [ "$kind" = contract ]; then
        python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || echo python
        # For the launcher of the mock server and what installs it.
        node_is_good || echo node
    fi
}

# ===== what apt has =====

# The version that apt would install of a package, without epoch and revision; nothing when there is none.
candidate() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null |
        sed -n 's/^  Candidate: \([0-9]*:\)\{0,1\}\([0-9][0-9.]*\).*/\2/p'
}

# The suffix of the packages that hold a sufficient Rust: "" for rustc, "-web" (Debian 12), "-1.89" (Ubuntu).
rust_suffix() {
    local suffix found
    for suffix in "" -web $(apt-cache pkgnames rustc-1. 2>/dev/null | sed 's/^rustc//' | sort -rV); do
        found=$(candidate "rustc$suffix")
        if [ -n "$found" ] && at_least "$found" $rust_floor && [ -n "$(candidate "cargo$suffix")" ]; then
            echo "x$suffix"
            return
        fi
    done
}

# The packages for one missing thing; nothing when the distribution has none that suffices.
packages() {
    local suffix
    suffix=$(rust_suffix)
    case $1 in
        rust) [ -z "$suffix" ] || echo "rustc${suffix#x} cargo${suffix#x}" ;;
        rustfmt | clippy)
            # Linters must belong to the compiler in use: next to a rustup toolchain a package would be of no use.
            has rustup && return
            local name=$1
            [ "$name" = rustfmt ] || name=rust-clippy
            [ -z "$suffix" ] || [ -z "$(candidate "$name${suffix#x}")" ] || echo "$name${suffix#x}"
            ;;
        cc) [ -n "${CC:-}" ] && [ "$CC" != cc ] && [ "$CC" != gcc ] || echo "gcc libc6-dev" ;;
        c++) [ -n "${CXX:-}" ] && [ "$CXX" != c++ ] && [ "$CXX" != g++ ] || echo g++ ;;
        valgrind) echo "valgrind libc6-dbg" ;;
        binutils) echo binutils ;;
        cjson) echo libcjson-dev ;;
        gtest) echo libgtest-dev ;;
        nlohmann) echo nlohmann-json3-dev ;;
        clang | cmake | pkg-config) echo "$1" ;;
        go) at_least "$(candidate golang-go)" 1.21 && echo golang-go ;;
        # The npm of NodeSource comes within nodejs, and conflicts with the distribution's.
        node)
            if has node; then
                has npm || echo npm
            else
                at_least "$(candidate nodejs)" 18 && echo "nodejs npm"
            fi
            ;;
        # Newer distributions have what Ruby brings along as packages of their own.
        ruby) echo "ruby ruby-ffi ruby-minitest$([ -z "$(candidate ruby-rbs)" ] || echo " ruby-rbs")" ;;
        make) echo make ;;
        python) echo "python3 python3-venv" ;;
    esac
}

# How to get one missing thing by hand.
advice() {
    case $1 in
        rust)
            local get="$rustup"
            ! has rustup || get="rustup update stable && rustup default stable"
            echo "Rust $rust_floor or newer, with cargo (found: $(version rustc || echo none)):  $get"
            ;;
        rustfmt | clippy)
            local get="$rustup"
            ! has rustup || get="rustup component add $1"
            echo "$1:  $get"
            ;;
        cc) echo "a C compiler (${CC:-cc}): gcc 10 or clang 10, or newer" ;;
        c++) echo "a C++ compiler (${CXX:-c++}): g++ 11 or clang++ 13, or newer" ;;
        valgrind) echo "valgrind" ;;
        binutils) echo "binutils (nm and readelf)" ;;
        gtest) echo "GoogleTest (gtest/gtest.h)" ;;
        nlohmann) echo "JSON for Modern C++ (nlohmann/json.hpp)" ;;
        clang) echo "clang++" ;;
        cmake) echo "CMake 3.13 or newer" ;;
        pkg-config) echo "pkg-config" ;;
        cjson) echo "cJSON with its header cjson/cJSON.h" ;;
        make) echo "GNU make" ;;
        go) echo "Go 1.21 or newer (found: $(go version 2>/dev/null || echo none)):  https://go.dev/dl" ;;
        node) echo "Node 18 or newer, with npm (found: $(node --version 2>/dev/null || echo none)):  https://nodejs.org" ;;
        ruby) echo "Ruby 3.1 or newer, with the gems ffi, minitest and rbs" ;;
        python) echo "python3 3.10 or newer, with its modules venv and ensurepip" ;;
    esac
}

# ===== installing, or saying what to do =====

lacking=$(missing)
[ -n "$lacking" ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    as_root=(sudo -n)
fi

if has apt-get; then
    can_install=no
    if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
        can_install=yes
        # Two makes at once, or two jobs of one, must not both install.
        if has flock; then
            mkdir -p build && exec 9>build/setup.lock && flock 9
            lacking=$(missing)
        fi
        # Without lists, or with none that names a compiler, apt-cache knows nothing.
        if [ -n "$lacking" ] && [ -z "$(candidate rustc)" ]; then
            echo "setup: reading the distribution's package lists" >&2
            "${as_root[@]}" apt-get update -qq >&2 9>&- || true
        fi
    fi
    wanted=()
    for thing in $lacking; do
        read -r -a names <<<"$(packages "$thing")"
        wanted+=("${names[@]}")
    done
    if [ ${#wanted[@]} -gt 0 ]; then
        command=(apt-get install -y --no-install-recommends --no-remove "${wanted[@]}")
        if [ $can_install = yes ]; then
            echo "setup: installing ${wanted[*]}" >&2
            install() {
                "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${command[@]}" -qq >&2 9>&-
            }
            # Lists that are too old name files that are gone: read them again, once.
            install || { "${as_root[@]}" apt-get update -qq >&2 9>&- && install; } || true
            hash -r
            lacking=$(missing)
            [ -n "$lacking" ] || exit 0
        fi
    fi
fi

{
    echo "setup: tools are missing, or too old:"
    by_package=()
    for thing in $lacking; do
        echo "  - $(advice "$thing")"
        if has apt-get; then
            read -r -a names <<<"$(packages "$thing")"
            by_package+=("${names[@]}")
        fi
    done
    if [ ${#by_package[@]} -gt 0 ]; then
        echo "The distribution has some of them:"
        echo "    sudo apt-get update && sudo apt-get install -y ${by_package[*]}"
    fi
    echo "Install them, then run make again."
} >&2
exit 1
