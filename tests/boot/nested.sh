#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs a shell script inside a nested machine: QEMU interprets an AMD CPU with SVM (TCG), on it runs the stock Debian kernel
# with KVM, as level 1. There /dev/kvm boots stock kernels, whatever the machine below can do.
#
#   nested.sh [OPTION]... SCRIPT [ARG]...
#     --out DIR          where what the script left in $OUT is unpacked (emptied first)    default build/boot/out
#     --file SRC[:NAME]  a file or folder that the script finds as $IN/NAME
#     --prog PROGRAM     a program with its libraries; the script finds it in its PATH
#     --same PATH        a file or folder, at the same path
#     --timeout SECONDS  default 300
#     --memory MIB       of level 1, default 2048
#     --live             shows the machine's console while it runs
#
# The script runs under busybox sh as root, in $OUT. Its exit status is ours; 125: the machine itself failed.
# The console of level 1 is left in DIR.console, script output included.
set -eu
. "$(dirname "$0")/lib.sh"
out=$cache/out timeout=300 memory=2048 live=
tree=$(mktemp -d "${TMPDIR:-/tmp}/ringside-nested.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/files/in/bin"

while :; do
	case ${1:-} in
	--out) out=$2; shift 2 ;;
	--file) src=${2%%:*} name=${2#*:}; [ "$name" != "$2" ] || name=${src##*/}
		cp -rL "$src" "$tree/files/in/$name"; shift 2 ;;
	--prog) pack_program "$tree/files" "$2" "in/bin/${2##*/}"; shift 2 ;;
	--same) mkdir -p "$tree/files/$(dirname "$2")"; cp -rL "$2" "$tree/files/$(dirname "$2")/"; shift 2 ;;
	--timeout) timeout=$2; shift 2 ;;
	--memory) memory=$2; shift 2 ;;
	--live) live=1; shift ;;
	--*) echo "nested.sh: unknown option $1" >&2; exit 2 ;;
	*) break ;;
	esac
done
[ $# -ge 1 ] || { echo "usage: nested.sh [OPTION]... SCRIPT [ARG]..." >&2; exit 2; }
need qemu-system-x86_64
need busybox
"$here/kernel.sh"
"$here/initramfs.sh"

# the script, with its arguments quoted for sh
cp "$1" "$tree/files/in/script.sh"
shift
{ printf 'exec sh /in/script.sh'; [ $# = 0 ] || printf " '%s'" "${@//\'/\'\\\'\'}"; echo; } >"$tree/files/in/run.sh"
tar -C "$tree/files" --owner=0 --group=0 -cf "$tree/in.img" .
truncate -s %512 "$tree/in.img"
truncate -s 1G "$tree/out.img"

rm -rf "$out" "$out.console"
mkdir -p "$out"
show() { if [ -n "$live" ]; then tee "$out.console"; else cat >"$out.console"; fi; }
timeout --foreground "$timeout" qemu-system-x86_64 -accel tcg,thread=multi -smp 2 -cpu max,+svm,+npt -m "$memory" \
	-display none -monitor none -serial stdio -no-reboot -nodefaults \
	-kernel "$cache/kernel/vmlinuz" -initrd "$cache/level1.cpio" -append "console=ttyS0 panic=-1 quiet" \
	-drive "file=$tree/in.img,format=raw,if=virtio,readonly=on" -drive "file=$tree/out.img,format=raw,if=virtio" \
	</dev/null 2>"$tree/qemu.err" | sed -u 's/\r$//' | show || true
tar -C "$out" -xf "$tree/out.img" 2>/dev/null || true
if [ ! -s "$out/status" ]; then
	cat "$tree/qemu.err" >&2
	tail -n 40 "$out.console" >&2
	echo "nested.sh: the nested machine ended without a result (time-out is $timeout s)" >&2
	exit 125
fi
exit "$(cat "$out/status")"
