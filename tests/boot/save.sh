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
# from the restored devices on: to the save that ended it, and to the guest's own end
for name in save-stopped save-restored; do
	if text=$("$bin/ringside" replay "$out/$name.vtrace" 2>&1) && grep -q 'every output matched' <<<"$text" && ! grep -q 'cut short' <<<"$text" &&
		[ "$("$bin/ringside" show "$out/$name.vtrace" | grep -c '^[a-z]*[0-9] restored ')" = 4 ]; then
		pass "$name-trace"
	else
		fail "$name-trace" "ringside replay of a restored machine's trace: $text"
	fi
done
finish
