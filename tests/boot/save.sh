#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A stock guest saved in the midst of a write load, killed, restored, moved on, and what was recorded of it replayed (inside/save.sh).
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

# up to the kill, the save in it: the trace is as without
if text=$("$bin/ringside" replay "$out/save.vtrace" 2>&1) && grep -q 'cut short' <<<"$text"; then
	pass save-trace
else
	fail save-trace "ringside replay of the saved and killed machine's trace: $text"
fi
finish
