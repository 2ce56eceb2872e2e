#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the two initramfs images into build/boot, when absent or older than what they are made of:
#   guest.cpio    the stock guest under test: busybox, virtio modules, mke2fs, guest-init.sh; wire is there by itself, too
#   level1.cpio   the nested machine's level 1: busybox, KVM, virtio-pci and tun modules, level1-init.sh
#   drive         types at a terminal as a script says, for the tests of the console
set -eu
. "$(dirname "$0")/lib.sh"
need busybox
need mke2fs
need gcc

stale() {
	local out=$1 from
	shift
	[ -s "$out" ] || return 0
	for from; do [ "$from" -nt "$out" ] && return 0; done
	return 1
}
fresh_tree() {
	rm -rf "$1"
	mkdir -p "$1/bin" "$1/dev"
	pack_program "$1" busybox bin/busybox
	cp "$2" "$1/init"
	chmod 755 "$1/init"
}

common=("$here/lib.sh" "$here/initramfs.sh" "$cache/kernel/release")
tree=$cache/tree.$$
trap 'rm -rf "$tree"' EXIT

if stale "$cache/guest.cpio" "$here/guest-init.sh" "$here/guest-net.sh" "$here/guest-console.sh" "$here/guest-save.sh" "$here/bench.c" "$here/wire.c" \
	"${common[@]}"; then
	fresh_tree "$tree" "$here/guest-init.sh"
	cp "$here/guest-net.sh" "$tree/net.sh"
	cp "$here/guest-console.sh" "$tree/console.sh"
	cp "$here/guest-save.sh" "$tree/save.sh"
	pack_modules "$tree" virtio_ring virtio virtio_mmio virtio_blk rng-core virtio-rng failover net_failover virtio_net \
		virtio_console
	PATH=$PATH:/usr/sbin:/sbin pack_program "$tree" mke2fs usr/sbin/mke2fs
	PATH=$PATH:/usr/sbin:/sbin pack_program "$tree" blkdiscard usr/sbin/blkdiscard
	gcc -O2 -Wall -Wextra -Werror -static "$here/bench.c" -o "$tree/bin/bench" -lpthread
	gcc -O2 -Wall -Wextra -Werror -static "$here/wire.c" -o "$cache/wire"
	cp "$cache/wire" "$tree/bin/wire"
	pack_cpio "$tree" "$cache/guest.cpio"
fi
if stale "$cache/level1.cpio" "$here/level1-init.sh" "$here/hold.c" "${common[@]}"; then
	fresh_tree "$tree" "$here/level1-init.sh"
	pack_modules "$tree" virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk \
		irqbypass kvm kvm-amd brd tun
	gcc -O2 -Wall -Wextra -Werror -static "$here/hold.c" -o "$tree/bin/hold"
	pack_cpio "$tree" "$cache/level1.cpio"
fi
if stale "$cache/drive" "$here/drive.c" "${common[@]}"; then
	gcc -O2 -Wall -Wextra -Werror -static "$here/drive.c" -o "$cache/drive"
fi
