#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make compare-qemu: ringside-vmm against QEMU's microvm, both under KVM in the same machine (nested where need be), the same
# kernel, initramfs and disk: boot to init, 4 KiB direct reads and writes, resident memory. Median of interleaved runs.
# Fails unless boot is no slower, requests are 1.5 times as many and our own memory stays under 8 MiB. Takes minutes; no part of CI.
#   compare-qemu.sh [ROUNDS]    default 5
set -eu
. "$(dirname "$0")/lib.sh"
rounds=${1:-5}
out=$cache/compare
[ -x "$bin/ringside-vmm" ] || die "$bin/ringside-vmm is not built; run make"
"$here/kernel.sh"
"$here/initramfs.sh"
status=0
# Always nested: the comparison wants one kind of machine with nothing else running in it; and of one CPU, since waking a second
# interpreted one takes longer than anything that either VMM does, and varies more.
"$here/machine.sh" --how nested --cpus 1 --live --out "$out" --timeout $((120 + rounds * 120)) --file "$here/inside/lib.sh" \
	--file "$cache/kernel/vmlinuz" --file "$cache/guest.cpio" --prog "$bin/ringside-vmm" --prog qemu-system-x86_64 \
	--same /usr/share/qemu --same /usr/share/seabios "$here/inside/compare.sh" "$rounds" || status=$?
[ "$status" = 0 ] && [ -s "$out/figures" ] || die "the comparison did not run to its end (status $status)"

median() { awk -v v="$1" -v m="$2" '$1 == v && $2 == m { print $3 }' "$out/figures" | sort -n | awk '{ a[NR] = $1 } END { print NR ? a[int((NR + 1) / 2)] : 0 }'; }
runs() { awk -v v="$1" -v m="$2" '$1 == v && $2 == m { n++ } END { print n + 0 }' "$out/figures"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b ? a / b : 0 }'; }
holds() { awk "BEGIN { print ($1) }"; }
verdict=()

echo
printf '%-12s %12s %12s %8s\n' measure ringside-vmm qemu-microvm ratio
for m in boot read-qd1 write-qd1 read-qd16 write-qd16 memory; do
	for v in ringside qemu; do
		[ "$(runs $v $m)" = "$rounds" ] || fail "compare-$m" "$v: $(runs $v $m) of $rounds runs came to a figure"
	done
	ours=$(median ringside $m) theirs=$(median qemu $m)
	case $m in
	boot) unit='/100 s' good=$(holds "$ours <= $theirs") want='no slower' ;;
	memory) unit=' KiB' good=$(holds "$ours < 8192") want='under 8192 KiB' ;;
	*) unit=/s good=$(holds "$ours >= 1.5 * $theirs") want='at least 1.5 times as many' ;;
	esac
	printf '%-12s %12s %12s %8s\n' "$m" "$ours$unit" "$theirs$unit" "$(ratio "$ours" "$theirs")"
	verdict+=("$m|$good|$ours against $theirs$unit, wanted: $want")
done
echo
for v in "${verdict[@]}"; do
	IFS='|' read -r m good text <<<"$v"
	if [ "$good" = 1 ] && [ "${text%% *}" != 0 ]; then pass "compare-$m"; else fail "compare-$m" "$text"; fi
done
finish
