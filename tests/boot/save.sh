#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A stock guest saved in the midst of a write load, killed, restored, and moved on (inside/save.sh).
# Prints PASS and FAIL lines; part of tests/boot/run.sh.
set -eu
. "$(dirname "$0")/lib.sh"
out=$cache/save
"$here/kernel.sh"
"$here/initramfs.sh"
status=0
"$here/machine.sh" --out "$out" --timeout 300 --file "$here/inside/lib.sh" --file "$cache/kernel/vmlinuz" --file "$cache/guest.cpio" \
	--prog "$bin/ringside-vmm" "$here/inside/save.sh" || status=$?
verdicts "$out" "$status" save-killed save-stopped save-restored
finish
