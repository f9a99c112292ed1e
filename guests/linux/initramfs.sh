#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Makes the initramfs of the Linux guests: busybox, modules, curiactl and what lies in initramfs/.
# One for all of them: who it is, a guest learns from Curia. No root needed; the same input gives
# the same file.
set -euo pipefail

usage() {
	echo "usage: initramfs.sh -o OUTPUT -b BUSYBOX -t CURIACTL -m MODULE ... -s STRIP" >&2
	exit 2
}

here=$(cd "$(dirname "$0")" && pwd)
output='' busybox='' tool='' strip=''
modules=()
while getopts o:b:t:m:s: option; do
	case $option in
	o) output=$OPTARG ;;
	b) busybox=$OPTARG ;;
	t) tool=$OPTARG ;;
	m) modules+=("$OPTARG") ;;
	s) strip=$OPTARG ;;
	*) usage ;;
	esac
done
[[ -n $output && -n $busybox && -n $tool && ${#modules[@]} -gt 0 && -n $strip ]] || usage

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,run,tmp,root,etc,lib}

install -m 755 "$busybox" "$root/bin/busybox"
install -m 755 "$tool" "$root/sbin/curiactl"
for module in "${modules[@]}"; do
	name=$(basename "$module" .xz)
	if [[ $module == *.xz ]]; then
		xz -dc "$module" >"$root/lib/$name"
	else
		"$strip" --strip-debug -o "$root/lib/$name" "$module"
	fi
done
install -m 755 "$here/initramfs/rcS" "$root/etc/rcS"
install -m 644 "$here/initramfs/inittab" "$here/initramfs/profile" "$root/etc/"

# busybox installs the links to itself when it first runs; these are needed before. The kernel's
# orderly power-off and reboot run /sbin/poweroff and /sbin/reboot.
ln -s busybox "$root/bin/sh"
ln -s ../bin/busybox "$root/sbin/init"
ln -s ../bin/busybox "$root/sbin/poweroff"
ln -s ../bin/busybox "$root/sbin/reboot"
ln -s sbin/init "$root/init"

find "$root" -exec touch -h -d @0 {} +
mkdir -p "$(dirname "$output")"
(cd "$root" && find . -mindepth 1 | LC_ALL=C sort |
	cpio --quiet --create --format=newc --owner=+0:+0 --reproducible) >"$output.new"
mv "$output.new" "$output"
