#!/usr/bin/env bash
# Makes CMtl.xcframework beside this file, for macOS and iOS, of the C library. On a Mac with Xcode and rustup:
#
#   bindings/swift/make-xcframework.sh
#
# NOT RUN by us: we have no Mac.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/target/xcframework
[ "$(uname)" = Darwin ] || { echo "make-xcframework.sh: wants macOS with Xcode" >&2; exit 1; }
command -v xcodebuild >/dev/null || { echo "make-xcframework.sh: there is no xcodebuild; install Xcode" >&2; exit 1; }

# library TARGET: builds the library for it, without ONNX Runtime, which an app cannot load from a path.
library() {
  rustup target add "$1" >/dev/null
  cargo build --manifest-path "$root/Cargo.toml" --release -p libmtl-c --no-default-features --target "$1"
}

# system NAME TARGET...: one library of several architectures for a system.
system() {
  local target archives=()
  for target in "${@:2}"; do
    library "$target"
    archives+=("$root/target/$target/release/libmtl_c.a")
  done
  mkdir -p "$work/$1"
  lipo -create "${archives[@]}" -output "$work/$1/libmtl.a"
}

rm -rf "$work" "$here/CMtl.xcframework"
mkdir -p "$work/include"
cp "$root/include/mtl.h" "$work/include/"
cat >"$work/include/module.modulemap" <<'END'
module CMtl [system] {
  header "mtl.h"
  export *
}
END
system macos aarch64-apple-darwin x86_64-apple-darwin
system ios aarch64-apple-ios
system simulator aarch64-apple-ios-sim x86_64-apple-ios
arguments=()
for name in macos ios simulator; do arguments+=(-library "$work/$name/libmtl.a" -headers "$work/include"); done
xcodebuild -create-xcframework "${arguments[@]}" -output "$here/CMtl.xcframework"
