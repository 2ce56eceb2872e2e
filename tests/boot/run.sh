#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make boot-test: the stock Debian kernel boots under ringside-vmm, works on its disks, and the recorded boot replays without it.
# Prints a PASS or FAIL line for each check; status 0 when all passed. docs/boot-test.md tells how it works.
#   run.sh [--demo]    --demo: one boot only, its console shown live, and the replay of its trace
set -eu
. "$(dirname "$0")/lib.sh"
demo=
case ${1:-} in
--demo) demo=--live ;;
'') ;;
*) echo "usage: run.sh [--demo]" >&2; exit 2 ;;
esac
for p in ringside-vmm ringside; do [ -x "$bin/$p" ] || die "$bin/$p is not built; run make"; done
"$here/kernel.sh"
"$here/initramfs.sh"
out=$cache/out
start=$SECONDS

args=(--out "$out" --timeout 600 --file "$here/inside/lib.sh" --file "$cache/kernel/vmlinuz" --file "$cache/guest.cpio"
	--prog "$bin/ringside-vmm" --prog e2fsck)
if [ -z "$demo" ]; then
	"$here/vmlinux.sh"
	args+=(--file "$cache/kernel/vmlinux")
fi
status=0 boots=bzimage
[ -n "$demo" ] || boots="bzimage pvh"
"$here/machine.sh" $demo "${args[@]}" "$here/inside/boot.sh" ${demo:+once} || status=$?
verdicts "$out" "$status" $boots
echo "boot-test: guest boots took $((SECONDS - start)) s"

if [ -s "$out/boot.vtrace" ]; then
	if text=$("$bin/ringside" replay "$out/boot.vtrace" 2>&1); then pass replay; else fail replay "it ended with status $?"; fi
	echo "$text"
	ls -l "$out/boot.vtrace" | awk '{ print "boot-test: boot.vtrace has " $5 " bytes" }'
else
	fail replay "the boot left no trace"
fi
if [ -z "$demo" ]; then
	[ ! -s "$out/boot.vtrace" ] || "$here/flip.sh" "$out/boot.vtrace" || failures=$((failures + 1))
	"$here/kill.sh" || failures=$((failures + 1))
	"$here/net.sh" || failures=$((failures + 1))
	"$here/save.sh" || failures=$((failures + 1))
	"$here/console.sh" || failures=$((failures + 1))
fi
finish
