#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# SIGKILL of ringside-vmm during guest writes: what the guest had fsynced is in the image, and the trace is readable.
# Prints PASS and FAIL lines; part of tests/boot/run.sh.
set -eu
. "$(dirname "$0")/lib.sh"
out=$cache/kill
"$here/kernel.sh"
"$here/initramfs.sh"
status=0
"$here/machine.sh" --out "$out" --timeout 600 --file "$here/inside/lib.sh" --file "$cache/kernel/vmlinuz" --file "$cache/guest.cpio" \
	--prog "$bin/ringside-vmm" "$here/inside/kill.sh" || status=$?
verdicts "$out" "$status" kill-recording kill-plain

# whole chunks up to the kill replay; that the rest is missing is said, and is no error
if text=$("$bin/ringside" replay "$out/kill.vtrace" 2>&1) && grep -q 'cut short' <<<"$text"; then
	pass kill-trace-readable
else
	fail kill-trace-readable "ringside replay of the killed recorder's trace: $text"
fi
finish
