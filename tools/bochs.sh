#!/bin/sh
# Runs tests that need AVX512-FP16 or AMX under Bochs, as root: CONTRIBUTING.md.
#
# usage: tools/bochs.sh [FOLDER]     (default: target/bochs; a Debian trixie of about 1.5 GB is made there once)
set -eu
cd "$(dirname "$0")/.."
repository=$PWD
command -v debootstrap >/dev/null && [ "$(id -u)" = 0 ] || {
    echo "bochs: NOT RUN, it wants root and Debian's debootstrap" >&2
    exit 1
}
mkdir -p "${1:-target/bochs}"
debian=$(realpath "${1:-target/bochs}")
root=$debian/tests/root

if [ ! -e "$debian/usr/bin/make" ]; then
    # Packages are signed: it needs neither https nor certificates. The kernel comes with its headers.
    debootstrap --variant=minbase trixie "$debian" http://deb.debian.org/debian
    chroot "$debian" apt-get install -y --no-install-recommends bochs bochs-term vgabios grub-pc-bin grub-common xorriso \
        mtools cpio busybox-static linux-headers-amd64 make
fi

# The module that lets programs use AMX.
mkdir -p "$debian/tests/module"
cp tools/bochs/* "$debian/tests/module/"
chroot "$debian" sh -ec 'make -s -C /usr/src/linux-headers-*-amd64 M=/tests/module modules; strip -g /tests/module/amx.ko'

# The tests, with the libraries that they load, at the paths that they know.
rm -rf "$root"
mkdir -p "$root/bin" "$root$repository/models"
for tests in --lib "--test golden"; do
    # shellcheck disable=SC2086 (two words)
    program=$(cargo test $tests --no-run 2>&1 | sed -n 's/.*Executable .*(\(.*\))$/\1/p')
    name=$(echo "$tests" | tr -d ' -')
    strip -o "$root/bin/$name" "$program"
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
done
cp -r models/mtl-mobile "$root$repository/models/"
cp "$debian/usr/bin/busybox" "$root/bin/"
cp "$debian/tests/module/amx.ko" "$root/"
cat >"$root/init" <<END
#!/bin/busybox sh
busybox() { /bin/busybox "\$@"; }
busybox mkdir -p /proc /dev /tmp
busybox mount -t proc proc /proc
busybox mount -t devtmpfs dev /dev
cd $repository
busybox insmod /amx.ko &&
    /bin/lib --test-threads=1 --nocapture kernels::dense::a kernels::lstm::rounding kernels::lstm::range &&
    /bin/testgolden --test-threads=1 --nocapture && echo EVERY TEST PASSED
busybox sleep 3
busybox poweroff -f
END
chmod +x "$root/init"

work=$debian/tests
mkdir -p "$work/iso/boot/grub"
cp "$debian"/boot/vmlinuz-* "$work/iso/boot/vmlinuz"
# What else Bochs 3.0 lacks for Linux is turned off: five levels of pages, AMX without its faults (numbers of clearcpuid), which
# the module turns on again.
cat >"$work/iso/boot/grub/grub.cfg" <<'END'
set timeout=0
menuentry tests {
    linux /boot/vmlinuz console=ttyS0 quiet nokaslr mitigations=off no5lvl ibt=off nopku clearcpuid=598,600,601 panic=-1
    initrd /boot/initrd.gz
}
END
cat >"$work/bochsrc" <<'END'
megs: 1024
cpu: model=sapphire_rapids, count=1, ips=50000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=/tests/boot.iso, status=inserted
boot: cdrom
display_library: term
com1: enabled=1, mode=file, dev=/tests/serial.txt
log: /tests/bochs.log
panic: action=fatal
clock: sync=none
END
chroot "$debian" sh -ec 'cd /tests/root; find . | cpio -o -H newc --quiet | gzip -1 >../iso/boot/initrd.gz
    cd ..; grub-mkrescue -o boot.iso iso >/dev/null 2>&1; rm -f serial.txt'
# Bochs draws on a terminal, and ends with an error when the machine is switched off.
TERM=linux timeout 3600 script -qc "chroot '$debian' bochs -q -f /tests/bochsrc -unlock" /dev/null >/dev/null 2>&1 </dev/null || true
cat "$work/serial.txt"
grep -q "EVERY TEST PASSED" "$work/serial.txt"
