#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The console half of the boot test: a shell on hvc0 driven by a script, recorded and replayed.
set -eu
. "$(dirname "$0")/lib.sh"
"$here/kernel.sh"
"$here/initramfs.sh"
out=$cache/console
status=0
"$here/machine.sh" --out "$out" --timeout 330 --file "$here/inside/lib.sh" --file "$cache/kernel/vmlinuz" \
	--file "$cache/guest.cpio" --prog "$bin/ringside-vmm" --prog "$cache/drive" "$here/inside/console.sh" || status=$?
verdicts "$out" "$status" console-shell
if "$bin/ringside" replay "$out/console.vtrace"; then pass console-replay; else fail console-replay "it ended with status $?"; fi
finish
