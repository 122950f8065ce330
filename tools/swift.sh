#!/usr/bin/env bash
# Builds and tests bindings/swift with Debian trixie's Swift, as root on x86-64 Linux: tools/swift.sh [FOLDER]
#
# What trixie's packages hold is unpacked once into FOLDER (target/swift without it): 500 MB to fetch, 3 GB on the disk.
set -euo pipefail
cd "$(dirname "$0")/.."
debian=$(realpath -m "${1:-target/swift}")
root=$debian/root
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
{ [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -f "$keyring" ]; } || {
  echo "swift: NOT RUN, it wants root, and Debian's apt-get and keyring" >&2
  exit 1
}

# apt ARGUMENT...: apt-get for an empty trixie of its own, which knows nothing of this system.
apt() {
  APT_CONFIG=$debian/apt.conf apt-get -qq -o=Debug::NoLocking=1 "$@"
}

if [ ! -e "$root/.complete" ]; then
  mkdir -p "$debian"/{etc/apt.conf.d,etc/preferences.d,state/lists/partial,cache/archives/partial} "$root"
  : >"$debian/state/status"
  echo "deb [signed-by=$keyring] https://deb.debian.org/debian trixie main" >"$debian/etc/sources.list"
  cat >"$debian/apt.conf" <<END
Dir::Etc "$debian/etc";
Dir::State "$debian/state";
Dir::State::status "$debian/state/status";
Dir::Cache "$debian/cache";
END
  apt update
  apt install -y --download-only --no-install-recommends swiftlang libstdc++-14-dev pkgconf git dash coreutils
  # usr-merge: what packages still put into /lib belongs into /usr/lib.
  for folder in bin sbin lib lib64; do
    mkdir -p "$root/usr/$folder"
    ln -sfn "usr/$folder" "$root/$folder"
  done
  for package in "$debian"/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  ln -sfn dash "$root/usr/bin/sh"
  mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root/libmtl"
  rm "$debian"/cache/archives/*.deb
  touch "$root/.complete"
fi

make --no-print-directory install PROFILE=dev PREFIX=/usr DESTDIR="$root"
# In a name space of its own, which takes its mounts with it.
# shellcheck disable=SC2016
unshare --mount bash -euo pipefail -c '
  root=$1
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind . "$root/libmtl"
  inside() { chroot "$root" env -i PATH=/usr/libexec/swift/bin:/usr/bin HOME=/tmp LANG=C.UTF-8 "$@"; }
  inside swift --version
  inside swift test --package-path /libmtl/bindings/swift --scratch-path /tmp/build
  programs=/tmp/build/debug models=/libmtl/models
  inside $programs/tag $models/mtl-mobile "Ada sails to Oslo." | grep -x "LOC.Oslo"
  inside $programs/score $models/sla-demo en_es ada "the boy" "the toy" | grep -x "boy.0[.][0-9]*.wrong"
  names=$(yes "Ada sails to Oslo." | head -700 | inside $programs/batch $models/mtl-mobile | grep -c "LOC.Oslo")
  [ "$names" = 700 ]
  if inside $programs/tag nowhere/at-all text; then exit 1; fi
  echo EVERY TEST PASSED
' - "$root"
