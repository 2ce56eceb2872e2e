# SPDX-License-Identifier: BSD-2-Clause
# Shared by the host-side scripts of tests/boot (bash): where things are, and how a program is packed.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=$top/build/boot                    # made once, kept: kernel, initramfs images
bin=${RINGSIDE_BIN:-$top/build/plain}    # the programs under test

die() { echo "boot-test: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing; tests/deps.sh boot installs it"; }

# pack_program TREE PROGRAM [DEST]: copies a program to TREE/DEST, and the libraries it is linked with to their own paths
pack_program() {
	local tree=$1 prog lib
	prog=$(command -v "$2") || die "no program $2"
	mkdir -p "$tree/$(dirname "${3:-bin/${prog##*/}}")"
	cp -L "$prog" "$tree/${3:-bin/${prog##*/}}"
	for lib in $(ldd "$prog" 2>/dev/null | grep -o '/[^ ]*'); do
		[ -e "$tree$lib" ] && continue
		mkdir -p "$tree${lib%/*}"
		cp -L "$lib" "$tree$lib"
	done
}

# pack_modules TREE NAME...: copies kernel modules to TREE/modules, numbered in the order in which they must be loaded
pack_modules() {
	local tree=$1 m n=10 file
	shift
	mkdir -p "$tree/modules"
	for m; do
		file=$(find "$cache/kernel/lib/modules" -name "$m.ko" -print -quit)
		# what is built in is no file; that it is there shows when the guest uses it
		[ -z "$file" ] || cp "$file" "$tree/modules/$n-$m.ko"
		n=$((n + 1))
	done
}

# pack_cpio TREE FILE: an initramfs, not compressed (an interpreted machine unpacks gzip slower than it copies)
pack_cpio() {
	(cd "$1" && find . | busybox cpio -o -H newc -R 0:0 2>/dev/null) >"$2.tmp" && mv "$2.tmp" "$2"
}

# Verdicts: one line each, counted by .ci/run
failures=0
pass() { echo "PASS boot-test/$1"; }
fail() { echo "FAIL boot-test/$1: $2"; failures=$((failures + 1)); }
finish() { [ "$failures" = 0 ]; exit; }

# verdicts OUT STATUS CONSOLE...: prints what a script inside the machine found; the consoles' ends where something failed
verdicts() {
	local out=$1 status=$2 c
	shift 2
	if [ -n "${demo:-}" ]; then
		echo "boot-test: $(grep -c '^PASS' "$out/results") checks passed, $(grep -c '^FAIL' "$out/results") failed"
	else
		cat "$out/results" 2>/dev/null || true
	fi
	if [ "$status" != 0 ]; then
		fail machine "the script inside the machine ended with status $status"
		tail -n 40 "$out.console"
	fi
	for c; do
		# a script that stopped half-way left no verdict at all
		grep -q "^[PF]A[SI][SL] boot-test/$c" "$out/results" 2>/dev/null || fail "$c" "nothing came back"
		grep -q "^FAIL boot-test/$c" "$out/results" 2>/dev/null || continue
		failures=$((failures + 1))
		[ -s "$out/$c.console" ] || continue
		echo "--- the last 40 lines of $c.console:"
		tail -n 40 "$out/$c.console"
		echo "---"
	done
}
