#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make compare-net: TCP to and from the host through a tap, under ringside-vmm and under QEMU's microvm (virtio-net, no vhost), with the
# same kernel and initramfs in the same machine (nested where need be). Median of interleaved runs. Fails unless it is at least as
# fast both ways. Takes minutes; no part of CI.
#   compare-net.sh [ROUNDS]    default 5
set -eu
. "$(dirname "$0")/lib.sh"
rounds=${1:-5}
out=$cache/compare-net
[ -x "$bin/ringside-vmm" ] || die "$bin/ringside-vmm is not built; run make"
"$here/kernel.sh"
"$here/initramfs.sh"
status=0
# nested, and of one CPU, as in compare-qemu.sh
"$here/machine.sh" --how nested --cpus "${RINGSIDE_CPUS:-1}" --live --out "$out" --timeout $((120 + rounds * 180)) --file "$here/inside/lib.sh" \
	--file "$cache/kernel/vmlinuz" --file "$cache/guest.cpio" --prog "$bin/ringside-vmm" --prog "$cache/wire" --prog qemu-system-x86_64 \
	--same /usr/share/qemu --same /usr/share/seabios "$here/inside/compare-net.sh" "$rounds" || status=$?
[ "$status" = 0 ] && [ -s "$out/figures" ] || die "the comparison did not run to its end (status $status)"

median() { awk -v v="$1" -v m="$2" '$1 == v && $2 == m { print $3 }' "$out/figures" | sort -n | awk '{ a[NR] = $1 } END { print NR ? a[int((NR + 1) / 2)] : 0 }'; }
runs() { awk -v v="$1" -v m="$2" '$1 == v && $2 == m { n++ } END { print n + 0 }' "$out/figures"; }

echo
printf '%-12s %16s %16s %8s\n' measure ringside-vmm qemu-microvm ratio
for m in to-host to-guest; do
	for v in ringside qemu; do
		[ "$(runs $v $m)" = "$rounds" ] || fail "compare-net-$m" "$v: $(runs $v $m) of $rounds runs came to a figure"
	done
	ours=$(median ringside $m) theirs=$(median qemu $m)
	printf '%-12s %16s %16s %8s\n' "$m" "$ours KiB/s" "$theirs KiB/s" "$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f", b ? a / b : 0 }')"
	if [ "$ours" -ge "$theirs" ] && [ "$ours" -gt 0 ]; then
		pass "compare-net-$m"
	else
		fail "compare-net-$m" "$ours against $theirs KiB/s, wanted: no slower"
	fi
done
finish
