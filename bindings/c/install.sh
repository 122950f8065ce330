#!/usr/bin/env bash
# Installs headers, libraries, mtl.pc and the CMake package: install.sh BUILT PREFIX, where BUILT is the folder that
# holds libmtl.a and libmtl.so (`make capi`). DESTDIR stands before PREFIX, as packagers expect. What is installed can be
# moved as a whole: nothing in it names PREFIX.
set -euo pipefail
built=$1 to=${DESTDIR:-}$2
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml")

fill() { sed "s/@VERSION@/$version/g" "$here/$1" > "$to/$2"; chmod 644 "$to/$2"; }

install -d "$to/include" "$to/lib/pkgconfig" "$to/lib/cmake/mtl"
install -m 644 "$here"/../../include/mtl*.h* "$to/include/"
install -m 644 "$built/libmtl.a" "$to/lib/libmtl.a"
install -m 755 "$built/libmtl.so" "$to/lib/libmtl.so.1.0.0"
ln -sf libmtl.so.1.0.0 "$to/lib/libmtl.so.1"
ln -sf libmtl.so.1 "$to/lib/libmtl.so"
fill mtl.pc.in lib/pkgconfig/mtl.pc
fill mtlConfig.cmake.in lib/cmake/mtl/mtlConfig.cmake
fill mtlConfigVersion.cmake.in lib/cmake/mtl/mtlConfigVersion.cmake
