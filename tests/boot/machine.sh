#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs a shell script where /dev/kvm boots stock kernels, and says in one line where that is:
#   direct   on this machine, if /dev/kvm may be opened and the CPU has svm or vmx
#   nested   in a machine that QEMU interprets (TCG emulates an AMD CPU with SVM): the stock Debian kernel with KVM is level 1,
#            the script runs there, and what it boots is level 2
#
#   machine.sh [OPTION]... SCRIPT [ARG]...
#     --how HOW          direct or nested; default: the best that works here ($RINGSIDE_MACHINE says the same)
#     --need kvm         the script wants only /dev/kvm, not a CPU that runs stock kernels (small guests of our own)
#     --out DIR          where what the script leaves in $OUT is found afterwards (emptied first); default build/boot/out
#     --file SRC[:NAME]  a file or folder that the script finds as $IN/NAME
#     --image FILE       a disk image that the script finds as $IN/NAME, a file or a block device; what it changes is not kept
#     --prog PROGRAM     a program, with its libraries; the script finds it in its PATH
#     --same PATH        a file or folder that the script finds at the same path
#     --timeout SECONDS  default 300
#     --memory MIB       of level 1, default 2048
#     --cpus N           of level 1, default 2
#     --live             show the script's output (nested: level 1's console) while it runs
#
# The script runs in $OUT, under busybox sh as root where nested; it may use what sh, coreutils and busybox have in common, and
# $TMPDIR for large files. Its exit status is ours; 125: the machine itself failed. Its output is left in DIR.console.
set -eu
. "$(dirname "$0")/lib.sh"
usage() { echo "machine.sh: $*; usage: machine.sh [OPTION]... SCRIPT [ARG]..." >&2; exit 2; }
how=${RINGSIDE_MACHINE:-} kvm=stock out=$cache/out timeout=300 memory=2048 cpus=2 live=
up_max=${RINGSIDE_UP_MAX:-60} # seconds that level 1 has to come up
files=() progs=() same=() images=()
while :; do
	case ${1:-} in
	--how) how=$2 ;;
	--need) kvm=$2 ;;
	--out) out=$2 ;;
	--file) files+=("$2") ;;
	--image) images+=("$2") ;;
	--prog) progs+=("$2") ;;
	--same) same+=("$2") ;;
	--timeout) timeout=$2 ;;
	--memory) memory=$2 ;;
	--cpus) cpus=$2 ;;
	--live) live=1; shift; continue ;;
	--*) usage "unknown option $1" ;;
	*) break ;;
	esac
	shift 2
done
[ $# -ge 1 ] || usage "no script"
script=$1
shift

why_not_direct() {
	if [ ! -e /dev/kvm ]; then
		echo "no /dev/kvm"
	elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
		echo "no permission for /dev/kvm"
	elif [ "$kvm" = stock ] && ! grep -qwE 'svm|vmx' /proc/cpuinfo; then
		echo "no svm or vmx in /proc/cpuinfo"
	fi
}
why=$(why_not_direct)
case $how in
direct) [ -z "$why" ] || die "cannot run here directly: $why" ;;
nested) why="as asked" ;;
'') if [ -z "$why" ]; then how=direct; else how=nested; fi ;;
*) usage "--how is direct or nested, not $how" ;;
esac
if [ "$how" = nested ] && ! command -v qemu-system-x86_64 >/dev/null; then
	die "nothing here can boot a stock kernel: directly, $why; nested, no qemu-system-x86_64 (tests/deps.sh boot installs it)"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/ringside-machine.XXXXXX")
trap 'rm -rf "$work"' EXIT
rm -rf "$out" "$out.console"
mkdir -p "$out" "$work/in/bin"
out=$(cd "$out" && pwd)
for f in "${files[@]}"; do
	name=${f#*:}
	[ "$name" != "$f" ] || name=${f##*/}
	cp -rL "${f%%:*}" "$work/in/$name"
done
cp "$script" "$work/in/script.sh"
show() { if [ -n "$live" ]; then tee "$out.console"; else cat >"$out.console"; fi; }

if [ "$how" = direct ]; then
	echo "machine: direct (/dev/kvm, $(uname -r))"
	for p in "${progs[@]}"; do
		ln -s "$(PATH=$PATH:/usr/sbin:/sbin command -v "$p" | xargs realpath)" "$work/in/bin/${p##*/}"
	done
	for f in "${images[@]}"; do cp --sparse=always "$f" "$work/in/${f##*/}"; done
	mkdir "$work/tmp"
	{
		cd "$out"
		IN=$work/in OUT=$out TMPDIR=$work/tmp PATH=$work/in/bin:$PATH:/usr/sbin:/sbin \
			timeout "$timeout" sh "$work/in/script.sh" "$@" </dev/null 2>&1 && status=0 || status=$?
		echo $status >"$out/status"
	} | show
	exit "$(cat "$out/status")"
fi

"$here/kernel.sh"
"$here/initramfs.sh"
echo "machine: nested ($why), the stock kernel $(cat "$cache/kernel/release") under QEMU's TCG is level 1"
for p in "${progs[@]}"; do
	pack_program "$work" "$p" "in/bin/${p##*/}"
done
for f in "${same[@]}"; do
	mkdir -p "$work${f%/*}"
	cp -rL "$f" "$work${f%/*}/"
done
drives=() letters=(c d e f)
for f in "${images[@]}"; do
	ln -s "/dev/vd${letters[${#drives[@]} / 2]}" "$work/in/${f##*/}"
	drives+=(-drive "file=$f,format=raw,if=virtio,snapshot=on")
done
# the script's arguments, quoted for sh
{ printf 'exec sh /in/script.sh'; [ $# = 0 ] || printf " '%s'" "${@//\'/\'\\\'\'}"; echo; } >"$work/in/run.sh"
tar -C "$work" --owner=0 --group=0 -cf "$work.in" .
trap 'rm -rf "$work" "$work.in" "$work.out"' EXIT
truncate -s %512 "$work.in"
truncate -s 1G "$work.out"
# Ends a level 1 that does not come up. Once it has said that it is, the script's own time-outs count.
watch_it_come_up() {
	for ((i = 0; i < up_max; i++)); do
		! is_up || return 0
		sleep 1
	done
	kill "$(cat "$work/pid")" 2>/dev/null
}
is_up() { grep -q '^RINGSIDE-LEVEL1 up' "$out.console" 2>/dev/null; }
level1() {
	rm -f "$out.console"
	watch_it_come_up >/dev/null 2>&1 &
	timeout --foreground "$timeout" qemu-system-x86_64 -accel tcg,thread=multi -smp "$cpus" -cpu max,-la57,+svm,+npt -m "$memory" \
		-display none -monitor none -serial stdio -no-reboot -nodefaults -pidfile "$work/pid" \
		-kernel "$cache/kernel/vmlinuz" -initrd "$cache/level1.cpio" -append "console=ttyS0 panic=-1 quiet loglevel=1 transparent_hugepage=never" \
		-drive "file=$work.in,format=raw,if=virtio,readonly=on" -drive "file=$work.out,format=raw,if=virtio,cache=unsafe" "${drives[@]}" \
		</dev/null 2>"$work/qemu.err" | sed -u 's/\r$//' | show || true
	kill $! 2>/dev/null || true
}
# QEMU's interpreter now and then goes on with old code after a kernel has patched its own, or walks its page tables wrongly. One
# start in some hundreds then hangs, before the first program runs or later, or level 1 is gone at once, without a word of its kernel,
# or a guest of level 2 ends in a triple fault. So the script is begun anew, twice at most, and each time is told. What hangs of ours
# is ended by the script's own time-outs, which are shorter. A triple fault alone could be a fault of ours: one that comes for a
# reason comes again.
for try in 1 2 3; do
	begun=$SECONDS
	level1
	tar -C "$out" -xf "$work.out" 2>/dev/null || true
	took=$((SECONDS - begun))
	if ! is_up; then
		why="level 1 did not come up in $up_max s"
	elif [ ! -s "$out/status" ] && [ $took -lt "$timeout" ]; then
		why="level 1 was gone after $took s, without a word"
	elif [ ! -s "$out/status" ]; then
		why="level 1 hung: nothing ended the script in $timeout s"
	elif why=$(grep -rahom 1 'the guest ended in a triple fault.*' "$out"); then
		why="level 2: ${why%%$'\n'*}"
	else
		break
	fi
	echo "machine: $why (start $try of 3)"
	[ $try -lt 3 ] || break
	rm -rf "${out:?}"/* "$work.out"
	truncate -s 1G "$work.out"
done
if [ ! -s "$out/status" ]; then
	cat "$work/qemu.err" >&2
	tail -n 40 "$out.console" >&2
	echo "machine: level 1 ended without a result (time-out: $timeout s)" >&2
	exit 125
fi
exit "$(cat "$out/status")"
