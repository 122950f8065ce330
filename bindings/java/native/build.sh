#!/usr/bin/env bash
# Makes the native library of the classes: build.sh ARCHIVE LIBRARY, of libmtl.a as `make capi` gives it, for the platform of the
# compiler CC. Memory pages may have 16 KB, as Android wants. JAVA_HOME is any JDK; LIBS what libmtl.a needs of the platform.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: build.sh ARCHIVE LIBRARY" >&2; exit 2; }
archive=$1 library=$2
here=$(dirname "$0")
java=${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")}
[ -f "$java/include/jni.h" ] || { echo "$java: has no include/jni.h; set JAVA_HOME to a JDK" >&2; exit 1; }
[ -f "$archive" ] || { echo "$archive: is not there; make it by: make capi" >&2; exit 1; }
mkdir -p "$(dirname "$library")"
"${CC:-cc}" -std=c11 -O2 -fPIC -Wall -Wextra -Werror -Wshadow -Wconversion -I"$java/include" -I"$java/include/linux" \
  -I"$here/../../../include" "$here"/*.c "$archive" -shared -o "$library" -Wl,-soname,libmtl_jni.so \
  -Wl,--version-script="$here/exports.map" -Wl,-z,max-page-size=16384 -Wl,-z,relro,-z,now -Wl,--gc-sections \
  -Wl,--no-undefined -Wl,-s ${LIBS:--lgcc_s -lpthread -lm -ldl}
