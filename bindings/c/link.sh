#!/usr/bin/env bash
# Links libmtl.so from libmtl.a: link.sh ARCHIVE OUTPUT [LINKER OPTION...]. Exports mtl_* alone, as MTL_1.0 (mtl.map).
set -euo pipefail
archive=$1 output=$2
shift 2
# Every mtl_* is a root; what none of them reaches goes. The archive's other members follow as they are needed.
roots=()
while read -r symbol; do roots+=("-Wl,-u,$symbol"); done < <(
  nm --defined-only --extern-only "$archive" 2>/dev/null | awk '$2 == "T" && $3 ~ /^mtl_/ { print $3 }' | sort -u)
[ ${#roots[@]} -gt 0 ] || { echo "$archive: defines no mtl_*; build it with cargo build -p libmtl-c" >&2; exit 1; }
"${CC:-cc}" -shared -o "$output" "${roots[@]}" "$archive" -Wl,-soname,libmtl.so.1 \
  -Wl,--version-script="$(dirname "$0")/mtl.map" -Wl,--gc-sections -Wl,--no-undefined -Wl,-z,relro,-z,now \
  "$@" -lgcc_s -lpthread -lm -ldl
