#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Brings what Curia needs from Debian, as tools/packages.txt names it, all of it verified by apt.
#
#   deps.sh            everything: packages for this machine, then what is unpacked under build/deps
#   deps.sh packages   only the packages for this machine: the one part that needs root
#   deps.sh ensure     like no argument, but silent and quick when nothing is missing
#   deps.sh check      says what is missing, changes nothing
#
# The user's apt configuration is read (mirror, proxy), never written: every other release that is
# needed lives in a private apt root. What is there already is not fetched again.
# shellcheck disable=SC2016 # '$(...)' and '${...}' in single quotes are for the programs called
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly top
readonly list=$top/tools/packages.txt
readonly deps=$top/build/deps
readonly root=$top/build/apt
readonly stamp=$deps/stamp.mk
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
readonly qemu_minimum=10.0

# Raised when a component is unpacked in another way than before, so that old trees are made anew.
declare -rA recipe=([linux]=1 [busybox]=1 [opensbi]=1 [dtc]=1 [bearssl]=1)
# A file of each component; a component whose file is gone is not there.
declare -rA witness=(
	[linux]=guest/Image
	[busybox]=guest/busybox
	[opensbi]=guest/fw_dynamic.bin
	[dtc]=src/dtc/libfdt/fdt.c
	[bearssl]=src/bearssl/src/hash/sha2small.c
)
readonly components=(dtc bearssl busybox opensbi linux)

say() { printf 'deps: %s\n' "$*"; }
warn() { printf 'deps: %s\n' "$*" >&2; }
die() {
	warn "$@"
	exit 1
}

# rows KIND [PACKAGE] -- the list's rows of that kind: package, minimum, suite
rows() {
	awk -v kind="$1" -v package="${2:-}" \
		'$1 == kind && (package == "" || $2 == package) { print $2, $3, $4 }' "$list"
}

# --- what is missing ---------------------------------------------------------------------------

# host_missing -- the host packages ("a|b" as listed) that are not installed, or too old
host_missing() {
	local -A installed=()
	local package status version spec minimum alternative found
	while read -r package status version; do
		# Wanted or held back ("hi"), it is there; only its second letter says so.
		if [[ $status == ?i ]]; then
			installed[$package]=$version
		fi
	done < <(rows host | cut -d' ' -f1 | tr '|' '\n' |
		xargs dpkg-query -W -f '${Package} ${db:Status-Abbrev} ${Version}\n' 2>/dev/null || true)

	while read -r spec minimum _; do
		found=
		for alternative in ${spec//|/ }; do
			version=${installed[$alternative]:-}
			if [[ -n $version ]] && new_enough "$version" "$minimum"; then
				found=1
				break
			fi
		done
		[[ -n $found ]] || printf '%s\n' "$spec"
	done < <(rows host)
}

# new_enough VERSION MINIMUM
new_enough() {
	[[ $2 == - ]] || dpkg --compare-versions "$1" ge "$2"
}

# component_id NAME -- changes with the rows, and the recipe, that make the component
component_id() {
	{
		printf '%s\n' "${recipe[$1]}"
		case $1 in
		linux) rows guest linux-image-riscv64 && rows headers ;;
		busybox) rows guest busybox-static ;;
		opensbi) rows guest opensbi ;;
		dtc) rows source device-tree-compiler ;;
		bearssl) rows source bearssl ;;
		esac
	} | cksum | cut -d' ' -f1
}

components_missing() {
	local name id
	for name in "${components[@]}"; do
		id=
		[[ ! -e $deps/.$name ]] || read -r id _ <"$deps/.$name"
		if [[ $id != "$(component_id "$name")" || ! -e $deps/${witness[$name]} ]]; then
			printf '%s\n' "$name"
		fi
	done
}

check_qemu() {
	local version
	version=$(qemu-system-riscv64 --version 2>/dev/null |
		sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p' || true)
	if [[ -z $version ]]; then
		die "no qemu-system-riscv64 on PATH that runs (Debian's is in /usr/bin)"
	elif ! dpkg --compare-versions "$version" ge "$qemu_minimum"; then
		die "$(command -v qemu-system-riscv64) is QEMU $version; Curia needs $qemu_minimum or newer." \
			"Debian's is in /usr/bin: put that first on PATH, or remove the other one."
	fi
}

# --- apt ---------------------------------------------------------------------------------------

codename() {
	local name
	# shellcheck source=/dev/null
	name=$(. /etc/os-release && printf '%s %s' "${ID:-}" "${VERSION_CODENAME:-}")
	[[ $name == debian\ ?* ]] ||
		die "this machine is not a Debian release (${name:-unknown}); Curia is built on Debian 12 or newer"
	printf '%s\n' "${name#* }"
}

# The machine's own mirrors, whatever format its configuration has: apt itself is asked.
read_mirrors() {
	local uri suite
	mirror='' mirror_security=''
	release=$(codename)
	updates=
	while IFS='|' read -r uri suite; do
		case $suite in
		"$release" | stable | oldstable | oldoldstable | testing) mirror=${mirror:-$uri} ;;
		*-security) mirror_security=${mirror_security:-$uri} ;;
		*-updates) updates=1 ;;
		esac
	done < <(apt-get indextargets --format '$(CREATED_BY)|$(COMPONENT)|$(REPO_URI)|$(RELEASE)' |
		sed -n 's/^Packages|main|//p')
	[[ -n $mirror ]] || die "apt's configuration names no mirror of Debian $release (component main)"
}

# source_entry TYPE URI SUITE ARCHITECTURE
source_entry() {
	printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\nSigned-By: %s\n\n' \
		"$1" "$2" "$3" "$4" "$keyring"
}

# The options of a private apt root at $1, which stays the same whoever runs it.
apt_options() {
	printf '%s\n' -qq -oAcquire::Languages=none -oAcquire::Retries=3 \
		"-oDir::Etc::SourceList=$1/debian.sources" -oDir::Etc::SourceParts=/dev/null \
		"-oDir::Etc::Preferences=$1/preferences" \
		"-oDir::State::Lists=$1/lists" -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache= \
		-oAPT::Sandbox::User=root -oDPkg::Lock::Timeout=300
}

# --- packages for this machine -----------------------------------------------------------------

candidate() { # PACKAGE, with the options of the apt root in "${options[@]}"
	apt-cache "${options[@]}" policy "$1" | sed -n 's/^  Candidate: //p' | grep -vx '(none)' || true
}

install_host() {
	local missing spec minimum package alternative version source
	local -a options chosen=() old=()
	mapfile -t missing < <(host_missing)
	if ((${#missing[@]} == 0)); then
		say "packages: all $(rows host | wc -l) are installed"
		return
	fi
	if ((EUID != 0)); then
		warn "these packages are not installed, or too old: ${missing[*]}"
		die "as root, run:  sudo $top/tools/deps.sh packages" \
			"(or, without sudo:  su -c '$top/tools/deps.sh packages')"
	fi

	say "packages: missing: ${missing[*]}"
	read_mirrors
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	mkdir -p "$scratch/lists/partial"
	: >"$scratch/preferences"
	local architecture
	architecture=$(dpkg --print-architecture)
	{
		source_entry deb "$mirror" "$release" "$architecture"
		[[ -z $updates ]] || source_entry deb "$mirror" "$release-updates" "$architecture"
		[[ -z $mirror_security ]] ||
			source_entry deb "$mirror_security" "$release-security" "$architecture"
	} >"$scratch/debian.sources"
	mapfile -t options < <(apt_options "$scratch")
	say "packages: reading the lists of $release"
	apt-get "${options[@]}" update

	for spec in "${missing[@]}"; do
		package=
		for alternative in ${spec//|/ }; do
			version=$(candidate "$alternative")
			if [[ -n $version ]]; then
				package=$alternative
				break
			fi
		done
		[[ -n $package ]] || die "no package $spec in Debian $release"
		read -r _ minimum _ < <(rows host "$spec")
		new_enough "$version" "$minimum" || old+=("$package")
		chosen+=("$package")
	done

	if ((${#old[@]})); then
		say "packages: $release is too old for ${old[*]}: from $release-backports"
		source_entry deb "$mirror" "$release-backports" "$architecture" >>"$scratch/debian.sources"
		for package in "${old[@]}"; do
			source=$(apt-cache "${options[@]}" show "$package" |
				awk '$1 == "Source:" { print $2; exit }')
			printf 'Package: src:%s\nPin: release n=%s-backports\nPin-Priority: 990\n\n' \
				"${source:-$package}" "$release"
		done >"$scratch/preferences"
		apt-get "${options[@]}" update
	fi

	say "packages: installing ${chosen[*]}"
	apt-get "${options[@]}" install -y --no-install-recommends "${chosen[@]}"

	mapfile -t missing < <(host_missing)
	((${#missing[@]} == 0)) ||
		die "still missing or too old after the installation: ${missing[*]}"
}

# --- what is unpacked under build/ -------------------------------------------------------------

# The private root's own package state is empty: nothing in it depends on what the machine has.
open_root() {
	[[ -z ${root_is_open:-} ]] || return 0
	root_is_open=1
	read_mirrors
	[[ -r $keyring ]] || die "no $keyring: the package debian-archive-keyring is missing"
	local suite architecture
	architecture=$(dpkg --print-architecture)
	suite=$(rows guest | awk '{ print $3; exit }')
	mkdir -p "$root/lists/partial" "$root/archives"
	: >"$root/status"
	: >"$root/preferences"
	{
		source_entry deb-src "$mirror" "$suite" riscv64
		# kbuild's tools run here, so they come from this machine's release.
		if [[ $release == "$suite" ]]; then
			source_entry deb "$mirror" "$suite" "riscv64 $architecture"
		else
			source_entry deb "$mirror" "$suite" riscv64
			source_entry deb "$mirror" "$release-backports" "$architecture"
			[[ -z $mirror_security ]] ||
				source_entry deb "$mirror_security" "$release-security" "$architecture"
		fi
	} >"$root/debian.sources"
	mapfile -t root_options < <(apt_options "$root")
	root_options+=("-oDir::State::status=$root/status" "-oDir::Cache=$root"
		-oAPT::Architectures::="$architecture" -oAPT::Architectures::=riscv64)
	say "private apt root: reading the lists of $suite (riscv64, sources) and kbuild's for $release"
	apt-get "${root_options[@]}" update
}

# root_candidate PACKAGE MINIMUM -- the version that the private root has of it
root_candidate() {
	local version
	local -a options=("${root_options[@]}")
	version=$(candidate "$1")
	[[ -n $version ]] || die "no package $1 in the private apt root"
	new_enough "${version#*:}" "$2" || die "$1 is $version, older than $2"
	printf '%s\n' "$version"
}

# unpack_packages DIRECTORY PACKAGE... -- downloads, verified by apt, into a directory made anew
unpack_packages() {
	local directory=$1 archive
	shift
	rm -rf "$directory" "$root/archives/new"
	mkdir -p "$directory" "$root/archives/new"
	say "downloading $*"
	(cd "$root/archives/new" && apt-get "${root_options[@]}" download "$@")
	for archive in "$root"/archives/new/*.deb; do
		dpkg-deb -x "$archive" "$directory"
	done
	rm -rf "$root/archives/new"
}

# unpack_source DIRECTORY SOURCE-PACKAGE
unpack_source() {
	local directory=$1 minimum version
	rm -rf "$directory.new" "$root/archives/new"
	mkdir -p "$directory.new" "$root/archives/new"
	read -r _ minimum _ < <(rows source "$2")
	version=$(apt-cache "${root_options[@]}" showsrc "$2" | sed -n 's/^Version: //p' | sort -V | tail -n1)
	[[ -n $version ]] || die "no source package $2 in the private apt root"
	new_enough "$version" "$minimum" || die "$2 is $version, older than $minimum"
	say "downloading the source tarball of $2 $version"
	(cd "$root/archives/new" &&
		apt-get "${root_options[@]}" source --tar-only --download-only "$2=$version")
	tar -C "$directory.new" --strip-components=1 -xf "$root"/archives/new/*.orig.tar.*
	rm -rf "$root/archives/new" "$directory"
	mkdir -p "${directory%/*}"
	mv "$directory.new" "$directory"
	done_version=$version
}

make_dtc() { unpack_source "$deps/src/dtc" device-tree-compiler; }

make_bearssl() { unpack_source "$deps/src/bearssl" bearssl; }

# unpack_file PACKAGE PATTERN -- the one file needed of a guest's package, into build/deps/guest
unpack_file() {
	local minimum
	read -r _ minimum _ < <(rows guest "${1%:*}")
	done_version=$(root_candidate "$1" "$minimum")
	unpack_packages "$deps/new" "$1=$done_version"
	mkdir -p "$deps/guest"
	find "$deps/new" -type f -path "$2" -exec mv {} "$deps/guest/" \;
	rm -rf "$deps/new"
}

make_busybox() { unpack_file busybox-static:riscv64 '*/bin/busybox'; }

make_opensbi() { unpack_file opensbi '*/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin'; }

# The guests' kernel, its modules, and headers of exactly that kernel.
make_linux() {
	local minimum version image kernel headers kbuild new=$deps/new guest=$deps/guest
	read -r _ minimum _ < <(rows guest linux-image-riscv64)
	version=$(root_candidate linux-image-riscv64:riscv64 "$minimum")
	# The meta package names the package of one kernel: linux-image-<kernel>.
	image=$(apt-cache "${root_options[@]}" show "linux-image-riscv64:riscv64=$version" |
		sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p')
	kernel=${image#linux-image-}
	[[ $kernel == [0-9]* ]] || die "linux-image-riscv64 $version names no kernel"
	kbuild=$(pick_kbuild "$kernel")

	unpack_packages "$new" "$image:riscv64=$version"
	mkdir -p "$guest"
	rm -rf "${guest:?}/lib" "$guest/Image"
	mkdir -p "$guest/lib"
	mv "$new"/boot/vmlinux-* "$guest/Image.new"
	mv "$new"/boot/config-* "$guest/config"
	if [[ -d $new/usr/lib/modules ]]; then
		mv "$new/usr/lib/modules" "$guest/lib/modules"
	else
		mv "$new/lib/modules" "$guest/lib/modules"
	fi
	/usr/sbin/depmod -b "$guest" "$kernel"

	headers=linux-headers-$kernel
	unpack_packages "$new" "$headers:riscv64=$version" "${headers%-riscv64}-common=$version" "$kbuild"
	mend_headers "$new" "$kernel" "${kbuild%%:*}"
	rm -rf "$deps/linux"
	mv "$new" "$deps/linux"
	ln -sfn "linux/usr/src/$headers" "$deps/linux-headers"

	mv "$guest/Image.new" "$guest/Image"
	done_version=$kernel
}

# pick_kbuild KERNEL -- the package of kbuild's tools nearest to that kernel: same upstream
# version where there is one, otherwise the newest of its series
pick_kbuild() {
	local upstream=${1%%[+-]*} name best='' minimum architecture
	local -a options=("${root_options[@]}")
	architecture=$(dpkg --print-architecture)
	read -r _ minimum _ < <(rows headers linux-kbuild)
	while read -r name; do
		# Names that other packages only mention are listed too.
		[[ -n $(candidate "$name:$architecture") ]] || continue
		best=$name
		[[ $name != "linux-kbuild-$upstream+"* ]] || break
	done < <(apt-cache "${options[@]}" pkgnames "linux-kbuild-${upstream%.*}" | sort -V)
	[[ -n $best ]] ||
		die "no linux-kbuild-${upstream%.*} for $architecture in the private apt root; apt's" \
			"configuration may lack this release's security mirror"
	new_enough "${best#linux-kbuild-}" "$minimum" || die "$best is older than $minimum"
	printf '%s:%s\n' "$best" "$architecture"
}

# mend_headers DIRECTORY KERNEL KBUILD-PACKAGE -- makes the unpacked headers work where they lie
mend_headers() {
	local tree=$1/usr/src/linux-headers-$2 wanted
	# The tree includes its common part by an absolute path.
	sed -i 's|^include /usr/src/|include $(dir $(lastword $(MAKEFILE_LIST)))../|' "$tree/Makefile"
	# Its scripts and tools are links to the kbuild package of its own version.
	wanted=$(readlink "$tree/scripts")
	wanted=$(basename "$(dirname "$wanted")")
	[[ -e $1/usr/lib/$wanted ]] || ln -s "$3" "$1/usr/lib/$wanted"
	# The compiler is the cross compiler that this machine has.
	sed -i 's|^CC = .*|CC = $(CROSS_COMPILE)gcc|' "$tree/.kernelvariables"
	# With a vmlinux, kbuild would ask for pahole, to make BTF that nobody here needs.
	rm -f "$tree/vmlinux"
}

make_components() {
	local name
	local -a missing
	mapfile -t missing < <(components_missing)
	if ((${#missing[@]} == 0)); then
		say "build/deps: ${components[*]} are there"
	fi
	mkdir -p "$deps"
	for name in "${missing[@]}"; do
		open_root
		rm -f "$deps/.$name"
		"make_$name"
		[[ -e $deps/${witness[$name]} ]] || die "$name was unpacked without ${witness[$name]}"
		printf '%s %s\n' "$(component_id "$name")" "$done_version" >"$deps/.$name"
		say "build/deps: $name $done_version"
	done
	write_stamp
}

# The stamp is a makefile that says what is there; it is only written when that changes.
write_stamp() {
	local name version
	{
		printf '# SPDX-License-Identifier: BSD-2-Clause\n# Made by tools/deps.sh\n'
		for name in "${components[@]}"; do
			read -r _ version <"$deps/.$name"
			printf 'DEPS_%s := %s\n' "${name^^}" "$version"
		done
	} >"$stamp.new"
	if cmp -s "$stamp.new" "$stamp"; then
		rm "$stamp.new"
	else
		mv "$stamp.new" "$stamp"
	fi
}

# Whoever ran this through sudo owns what it left in the tree.
give_back() {
	if ((EUID == 0)) && [[ -n ${SUDO_UID:-} ]]; then
		chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$top/build"
	fi
}

everything() {
	mkdir -p "$deps"
	# One at a time: a second make waits here, then finds everything done.
	exec 9>"$deps/.lock"
	flock 9
	install_host
	check_qemu
	make_components
	give_back
}

nothing_missing() {
	[[ -e $stamp && -z $(host_missing) && -z $(components_missing) ]]
}

main() {
	command -v apt-get >/dev/null ||
		die "no apt-get on this machine; Curia is built on Debian 12 or newer"
	case ${1:-all} in
	all)
		everything
		say "done"
		;;
	packages)
		install_host
		;;
	ensure)
		if nothing_missing; then
			check_qemu
		else
			everything >&2
		fi
		;;
	check)
		host_missing | sed 's/^/missing package: /'
		components_missing | sed 's/^/missing in build\/deps: /'
		nothing_missing
		check_qemu
		;;
	*)
		die "usage: deps.sh [packages | ensure | check]"
		;;
	esac
}

main "$@"
