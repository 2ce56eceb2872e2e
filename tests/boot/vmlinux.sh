#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Takes the ELF vmlinux (with its PVH entry note) out of the stock bzImage: build/boot/kernel/vmlinux.
# The boot header tells where the LZ4 payload lies (Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length).
set -eu
. "$(dirname "$0")/lib.sh"
image=$cache/kernel/vmlinuz
elf=$cache/kernel/vmlinux
[ -s "$elf" ] && exit 0
need lz4
number() { od -An -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '; }
sects=$(number $((0x1f1)) 1)
[ "$sects" != 0 ] || sects=4
offset=$(((sects + 1) * 512 + $(number $((0x248)) 4)))
length=$(number $((0x24c)) 4)
magic=$(od -An -t x1 -j "$offset" -N 4 "$image" | tr -d ' ')
[ "$magic" = 02214c18 ] || die "the kernel's payload is not LZ4 (it begins with $magic)"
# the last four bytes of the payload are the unpacked size, not LZ4
tail -c +$((offset + 1)) "$image" | head -c $((length - 4)) | lz4 -dcq - >"$elf.tmp"
[ "$(head -c 4 "$elf.tmp" | tail -c 3)" = ELF ] || die "the kernel's payload is not an ELF file"
mv "$elf.tmp" "$elf"
