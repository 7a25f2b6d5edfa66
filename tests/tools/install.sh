#!/usr/bin/env bash
# Installs the library into a folder of its own and builds programs of C and C++ with nothing but what is there: by
# pkg-config, with the shared and the static library, and by CMake. Run by `make test-install`.
set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=/opt/oaic
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
warnings=(-Wall -Wextra -Wpedantic -Werror)

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

# Runs a command that only speaks when it fails.
quietly() {
    "$@" >"$scratch/log" 2>&1 || {
        cat "$scratch/log" >&2
        fail "this failed: $*"
    }
}

quietly packaging/install.sh install "$prefix" "$scratch/stage"
installed=$scratch/stage$prefix
grep -q "^prefix=$prefix$" "$installed/lib/pkgconfig/oaic.pc" || fail "oaic.pc does not name the prefix"

cat >"$scratch/program.c" <<'END_OF_C'
#include <oai.h>
#include <stdio.h>
int main(void)
{
    oai_client *client;
    if (oai_client_new("{\"dotenv\": false}", OAI_STRLEN, &client, NULL) != OAI_OK)
        return 1;
    oai_client_free(client);
    puts(oai_version_string());
    return 0;
}
END_OF_C
cat >"$scratch/program.cpp" <<'END_OF_CPP'
#include <iostream>
#include <oai.hpp>
int main()
{
    const auto client = oai::Client::make(oai::Options().no_dotenv());
    std::cout << oai::version() << std::endl;
    return client ? 0 : 1;
}
END_OF_CPP

# Whether a program runs and tells the version that was installed.
runs=0
works() {
    [ "$(LD_LIBRARY_PATH=$installed/lib "$1")" = "$version" ] || fail "$1 does not tell version $version"
    runs=$((runs + 1))
}

# ===== pkg-config =====

export PKG_CONFIG_PATH=$installed/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$scratch/stage
[ "$(pkg-config --modversion oaic)" = "$version" ] || fail "pkg-config finds another version"
read -r -a flags <<<"$(pkg-config --cflags --libs oaic)"
quietly "${CC:-cc}" -std=c11 "${warnings[@]}" "$scratch/program.c" "${flags[@]}" -o "$scratch/c"
works "$scratch/c"
quietly "${CXX:-c++}" -std=c++17 "${warnings[@]}" "$scratch/program.cpp" "${flags[@]}" -o "$scratch/cpp"
works "$scratch/cpp"
read -r -a flags <<<"$(pkg-config --static --cflags --libs oaic | sed 's/-loaic/-l:liboaic.a/')"
quietly "${CC:-cc}" -std=c11 "${warnings[@]}" "$scratch/program.c" "${flags[@]}" -o "$scratch/c-static"
rm "$installed/lib/liboaic.so.0"
works "$scratch/c-static"

# ===== CMake =====

# Once more, over what is there, and then moved elsewhere: the package finds itself.
quietly packaging/install.sh install "$prefix" "$scratch/stage"
mv "$installed" "$scratch/moved"
installed=$scratch/moved
cat >"$scratch/CMakeLists.txt" <<'END_OF_CMAKE'
cmake_minimum_required(VERSION 3.13)
project(stranger C CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(oaic 0.1 REQUIRED)
add_executable(by-cmake-c program.c)
target_link_libraries(by-cmake-c PRIVATE oaic::oaic)
add_executable(by-cmake-cpp program.cpp)
target_link_libraries(by-cmake-cpp PRIVATE oaic::oaic)
add_executable(by-cmake-static program.cpp)
target_link_libraries(by-cmake-static PRIVATE oaic::static)
find_package(oaic 99 QUIET)
if(oaic_FOUND)
    message(FATAL_ERROR "version 99 was found")
endif()
END_OF_CMAKE
quietly cmake -S "$scratch" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$installed"
quietly cmake --build "$scratch/build"
for name in c cpp static; do
    works "$scratch/build/by-cmake-$name"
done

# ===== and away again =====

mv "$installed" "$scratch/stage$prefix"
packaging/install.sh uninstall "$prefix" "$scratch/stage"
left=$(find "$scratch/stage" ! -type d)
[ -z "$left" ] || fail "uninstall leaves $left"
if packaging/install.sh install relative 2>/dev/null; then
    fail "a relative PREFIX is taken"
fi
echo "install: $runs programs built with what is installed, by pkg-config and by CMake"
