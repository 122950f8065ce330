#!/usr/bin/env bash
# Builds the AAR for arm64-v8a, in target/java/mtl-android, by the Android NDK (r27 or newer) that ANDROID_NDK_HOME names. NOT RUN with
# an NDK by us: bindings/java/README.md. CARGO_PROFILE=dev builds quickly.
set -euo pipefail
cd "$(dirname "$0")/../../.."
ndk=${ANDROID_NDK_HOME:?set it to the folder of an Android NDK, r27 or newer}
tools=$ndk/toolchains/llvm/prebuilt/linux-x86_64/bin
target=aarch64-linux-android level=26 profile=${CARGO_PROFILE:-release}
compiler=$tools/$target$level-clang
[ -x "$compiler" ] || { echo "$compiler: is not there; set ANDROID_NDK_HOME to an NDK for Linux" >&2; exit 1; }
rustup target add "$target"
CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER=$compiler CC_aarch64_linux_android=$compiler \
  cargo build --profile "$profile" -p libmtl-c --target "$target"
folder=target/$target/${profile/#dev/debug}
# Of the archive the library shows nothing (exports.map): it need not hide Rust's own names first, as bindings/c/link.sh does.
CC=$compiler LIBS="-lm -ldl -llog" bindings/java/native/build.sh "$folder/libmtl_c.a" target/java/android/arm64-v8a/libmtl_jni.so
mvn -q -B -f bindings/java/pom.xml -pl android -am -Dmtl.without.native=true -Dmtl.android.jni="$PWD/target/java/android" -DskipTests package
ls -l target/java/mtl-android/*.aar
