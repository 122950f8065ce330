#!/usr/bin/env bash
# Makes libmtl.so and libmtl.a from the archive that cargo builds: link.sh ARCHIVE FOLDER [LINKER OPTION...]. Both define
# mtl_* for others, the first as MTL_1.0 (mtl.map), and nothing else: a program may hold other Rust libraries. CC and OBJCOPY
# are those of the system that the archive is for.
set -euo pipefail
archive=$1 folder=$2
shift 2
# Every mtl_* is a root; what none of them reaches goes. The archive's other members follow as they are needed.
roots=()
while read -r symbol; do roots+=("-Wl,-u,$symbol"); done < <(
  nm --defined-only --extern-only "$archive" 2>/dev/null | awk '$2 == "T" && $3 ~ /^mtl_/ { print $3 }' | sort -u)
[ ${#roots[@]} -gt 0 ] || { echo "$archive: defines no mtl_*; build it with cargo build -p libmtl-c" >&2; exit 1; }
"${CC:-cc}" -shared -o "$folder/libmtl.so" "${roots[@]}" "$archive" -Wl,-soname,libmtl.so.1 \
  -Wl,--version-script="$(dirname "$0")/mtl.map" -Wl,--gc-sections -Wl,--no-undefined -Wl,-z,relro,-z,now \
  "$@" -lgcc_s -lpthread -lm -ldl

# A group of sections would be shared with another Rust library's of the same name; bitcode is of no use in an object.
object=$folder/libmtl.o
"${CC:-cc}" -nostdlib -r -o "$object" "${roots[@]}" "$archive" -Wl,--force-group-allocation
"${OBJCOPY:-objcopy}" --wildcard --keep-global-symbol='mtl_*' --remove-section=.llvmbc --remove-section=.llvmcmd "$object"
rm -f "$folder/libmtl.a"
ar rcs "$folder/libmtl.a" "$object"
rm "$object"
