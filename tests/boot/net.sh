#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The stock guest on the network (inside/net.sh). Prints PASS and FAIL lines; part of tests/boot/run.sh.
set -eu
. "$(dirname "$0")/lib.sh"
out=$cache/net
"$here/kernel.sh"
"$here/initramfs.sh"
status=0
"$here/machine.sh" --out "$out" --timeout 600 --file "$here/inside/lib.sh" --file "$cache/kernel/vmlinuz" --file "$cache/guest.cpio" \
	--prog "$bin/ringside-vmm" --prog "$cache/wire" "$here/inside/net.sh" "$@" || status=$?
verdicts "$out" "$status" net-packed net-split net-queues net-refuses
for boot in net-packed net-split net-queues; do
	if "$bin/ringside" replay "$out/$boot.vtrace"; then pass "$boot-replay"; else fail "$boot-replay" "it ended with status $?"; fi
done
finish
