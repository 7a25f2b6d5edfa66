#!/usr/bin/env bash
# Installs the built library with its headers, for pkg-config and for CMake; or takes it away again.
#
#     install.sh install|uninstall PREFIX [DESTDIR]
#
# Run by `make install` and `make uninstall` in the project's folder. PREFIX is where it will be used, DESTDIR what is
# put before it while a package is made. It builds nothing: what is not in build/lib cannot be installed.
set -euo pipefail

what=$1 prefix=$2 root=${3:-}
if [[ $prefix != /* ]]; then
    echo "install.sh: PREFIX must be an absolute path, such as /usr/local, and is '$prefix'" >&2
    exit 2
fi
to=$root${prefix%/}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
IFS=. read -r major minor _ <<<"$version"

remove() {
    rm -f "$to"/lib/liboaic.so "$to"/lib/liboaic.so.0 "$to"/lib/liboaic.a "$to"/lib/pkgconfig/oaic.pc \
        "$to"/lib/cmake/oaic/*.cmake "$to"/include/oai.h "$to"/include/oai.hpp "$to"/include/oai/*.hpp
    rmdir --ignore-fail-on-non-empty "$to"/lib/cmake/oaic "$to"/include/oai 2>/dev/null || true
}

# A program finds a new library in a folder of the system only once the loader's cache knows it.
refresh() {
    [ -z "$root" ] || return 0
    if [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then
        ldconfig
    else
        echo "If $to/lib is one of the system's library folders, run ldconfig as root; else programs need an rpath."
    fi
}

filled() {
    sed -e "s|@PREFIX@|${prefix%/}|g; s|@VERSION@|$version|g; s|@MAJOR@|$major|g; s|@MINOR@|$minor|g" \
        "packaging/$1.in" >"$2/$1"
    chmod 644 "$2/$1"
}

case $what in
    install)
        # What an older version had and this one has not must not stay.
        remove
        install -d "$to"/lib/pkgconfig "$to"/lib/cmake/oaic "$to"/include/oai
        install -m 755 build/lib/liboaic.so.0 "$to"/lib
        ln -s liboaic.so.0 "$to"/lib/liboaic.so
        install -m 644 build/lib/liboaic.a "$to"/lib
        install -m 644 include/oai.h include/oai.hpp "$to"/include
        install -m 644 include/oai/*.hpp "$to"/include/oai
        install -m 644 packaging/oaicConfig.cmake "$to"/lib/cmake/oaic
        filled oaic.pc "$to"/lib/pkgconfig
        filled oaicConfigVersion.cmake "$to"/lib/cmake/oaic
        echo "oaic $version is in $to"
        refresh
        ;;
    uninstall)
        remove
        refresh
        ;;
    *)
        echo "usage: install.sh install|uninstall PREFIX [DESTDIR]" >&2
        exit 2
        ;;
esac
