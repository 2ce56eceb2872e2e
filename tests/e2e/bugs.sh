#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The planted bugs (fuzz/bugs/) and the way from a failing seed to a test. Every patch applies and builds; the program in
# corpus/bugs/ is silent on our tree and shows the bug in the planted one, by the oracle that its first line names. A double
# completion, a lost interrupt and a torn reset are found from a seed and shrink to a few ops, which replay in every form.
# Prints `PASS name` or `FAIL name: why`.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=bug-
. tests/report.sh
build_of() { sed -n 's/^build: //p' fuzz/bugs/"$1".patch; }

show() { # NAME BINARY: what its program shows there: an oracle's name, crash, or nothing
	local out status=0
	out=$(timeout 20 "$2" run --quiet corpus/bugs/"$1".txt 2>&1) || status=$?
	if grep -aq '^VIOLATION' <<<"$out"; then
		sed -n 's/^VIOLATION \([a-z-]*\).*/\1/p' <<<"$out"
	elif [ $status != 0 ]; then
		echo crash
	fi
}

# MSan takes minutes to build, so its bug is planted where everything else is there already.
names=() flavours=(plain asan)
[ ! -x build/msan/ringside ] || flavours+=(msan)
for patch in fuzz/bugs/*.patch; do
	name=$(basename "$patch" .patch)
	case " ${flavours[*]} " in *" $(build_of "$name") "*) names+=("$name") ;; esac
done
planted=$(fuzz/bugs/plant.sh "${flavours[@]/#/clean-}" "${names[@]}" 2>/dev/null)
[ -z "$planted" ] || { echo "$planted"; failures=1; }
for name in "${names[@]}"; do
	[ -x build/bugs/"$name" ] || continue
	if [ ! -e corpus/bugs/"$name".txt ]; then
		fail "$name" "corpus/bugs/ has no program for it: KEEP=1 fuzz/bugbench.sh $name"
		continue
	fi
	want=$(sed -n '1s/^# \([a-z-]*\).*/\1/p' corpus/bugs/"$name".txt)
	shown=$(show "$name" build/bugs/"$name") clean=$(show "$name" build/bugs/clean-"$(build_of "$name")")
	if [ -n "$clean" ]; then
		fail "$name" "its program shows $clean without the bug"
	elif [ "$shown" != "$want" ]; then
		fail "$name" "its program shows ${shown:-nothing}, not $want"
	else
		pass "$name shown by $want"
	fi
done 2>/dev/null

pipeline() { # NAME WHAT: seed, find, shrink, and all forms of it
	local bug=build/bugs/$1 base=$work/$1 ops oracle
	if "$bug" sim --seed 7 --seconds 60 --out "$work" >"$base.sim" 2>&1 || [ $? != 1 ]; then
		fail "$2-found" "$(tail -n 1 "$base.sim")"
		return
	fi
	if ! "$bug" shrink "$(sed -n 's/.*written: //p' "$base.sim")" -o "$base" --seconds 60 >"$base.out" 2>&1; then
		fail "$2-shrinks" "$(tail -n 1 "$base.out")"
		return
	fi
	ops=$(sed -n 's/^after: *\([0-9]*\) ops.*/\1/p' "$base.out") oracle=$(sed -n '1s/^# \([a-z-]*\).*/\1/p' "$base.txt")
	if [ "$ops" -le 15 ]; then pass "$2 shrinks to $ops ops"; else fail "$2-shrinks" "to $ops ops, not 15"; fi
	for form in txt vtrace; do
		if "$bug" replay "$base.$form" >"$base.out" 2>&1 || ! grep -q "^VIOLATION $oracle" "$base.out"; then
			fail "$2-replay-$form" "no violation of $oracle: $(head -n 1 "$base.out")"
		else
			pass "$2-replay-$form"
		fi
	done
	if "$bug" replay --gdb "$base.txt" 2>&1 | grep -q "^gdb .*break machine_violation"; then pass "$2-gdb"; else fail "$2-gdb" "no gdb line"; fi
	if gcc -std=gnu11 -I. -Icore -Isim-frontend "$base.c" build/plain/libsim.a build/plain/libcore.a -lcmocka -lzstd -o "$base.test" &&
		"$base.test" >"$base.out" 2>&1; then
		pass "$2-test"
	else
		fail "$2-test" "the C test does not pass on the tree without the bug: $(grep -m1 ERROR "$base.out")"
	fi
}
pipeline X01 double-completion
pipeline X02 lost-interrupt
pipeline X03 torn-reset

# What cannot be shrunk is told in one line.
out=$(build/bugs/clean-plain shrink corpus/blk/write-read.txt -o "$work/none" 2>&1)
if [ $? = 1 ] && grep -q 'nothing fails' <<<"$out"; then pass shrink-nothing; else fail shrink-nothing "$out"; fi
out=$(build/bugs/clean-plain shrink "$work/missing.txt" -o "$work/none" 2>&1)
if [ $? = 2 ] && grep -q 'cannot open' <<<"$out"; then pass shrink-missing; else fail shrink-missing "$out"; fi
out=$(build/bugs/clean-plain shrink corpus/blk/write-read.txt 2>&1)
if [ $? = 2 ] && grep -q 'missing option -o' <<<"$out"; then pass shrink-no-output; else fail shrink-no-output "$out"; fi
exit $failures
