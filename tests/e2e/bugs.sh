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

# What shrink leaves of it as it is: the recording stops at the same oracle, and says so in each form. A crash leaves
# one where the process can still write it; the replay dies too, or diverges where the recording ends.
stops() { # NAME ORACLE
	local bug=build/bugs/$1 base=$work/stops ops status=0
	rm -f "$base".*
	if ! "$bug" shrink corpus/bugs/"$1".txt --seconds 0 -o "$base" >"$base.out" 2>&1; then
		fail "$1-stops" "shrink: $(tail -n 1 "$base.out")"
		return
	fi
	[ "$2" != crash ] || [ -e "$base.vtrace" ] || return 0
	timeout 20 "$bug" replay "$base.vtrace" >"$base.out" 2>&1 || status=$?
	if [ "$2" = crash ]; then
		if [ $status != 0 ]; then pass "$1-stops"; else fail "$1-stops" "status 0: $(head -n 1 "$base.out")"; fi
		return
	fi
	ops=$(sed -n "1s/^VIOLATION $2 .*at op \([0-9]*\) of .*/\1/p" "$base.out")
	if [ $status != 1 ] || [ -z "$ops" ]; then
		fail "$1-stops" "status $status: $(head -n 1 "$base.out")"
	elif ! "$bug" export "$base.vtrace" --html "$base.html" 2>&1 | grep -q "VIOLATION $2 .*at op $ops,"; then
		fail "$1-stops" "export names no violation of $2 at op $ops"
	elif ! "$bug" replay --gdb "$base.vtrace" 2>&1 | grep -q "^# VIOLATION $2 .*at op $ops,"; then
		fail "$1-stops" "replay --gdb names no violation of $2 at op $ops"
	else
		pass "$1-stops"
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
		stops "$name" "$want"
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

# A run that ends in the midst of a device's work, or by a crash, leaves its recording all the same.
recorded() { # NAME WORDS: of what shows that it is whole
	local trace=$work/$1.vtrace
	{ build/bugs/"$1" run --quiet --record "$trace" corpus/bugs/"$1".txt; } >/dev/null 2>&1
	build/plain/ringside show "$trace" >"$work/out" 2>&1
	if grep -q "$2" "$work/out" && tail -n 1 "$work/out" | grep -q '^end error' && [ ! -e "$trace.part" ]; then
		pass "$1-recorded"
	else
		fail "$1-recorded" "$(tail -n 1 "$work/out")"
	fi
}
recorded P01 'rng0 load for=desc'
recorded P09 'blk0 run queue=0'
recorded P05 'blk0 load for=header'

# What cannot be shrunk is told in one line.
cp corpus/bugs/X01.txt "$work/itself.txt"
refused_by shrink-over-itself 'itself.txt is the program itself' build/bugs/X01 shrink "$work/itself.txt" -o "$work/itself"
out=$(build/bugs/clean-plain shrink corpus/blk/write-read.txt -o "$work/none" 2>&1)
if [ $? = 1 ] && grep -q 'nothing fails' <<<"$out"; then pass shrink-nothing; else fail shrink-nothing "$out"; fi
out=$(build/bugs/clean-plain shrink "$work/missing.txt" -o "$work/none" 2>&1)
if [ $? = 2 ] && grep -q 'cannot open' <<<"$out"; then pass shrink-missing; else fail shrink-missing "$out"; fi
out=$(build/bugs/clean-plain shrink corpus/blk/write-read.txt 2>&1)
if [ $? = 2 ] && grep -q 'missing option -o' <<<"$out"; then pass shrink-no-output; else fail shrink-no-output "$out"; fi

# What a fuzzer left: bytes of one bug, of another, and of none, in a folder with AFL++'s README. Each bug gets one bucket; its C test
# fails on the tree with the bug, whose libraries are those built last, and passes without it.
triage() {
	local finds=$work/finds/blk out=$work/triage status=0 told
	mkdir -p "$finds"
	build/plain/ringside assemble corpus/bugs/P11.txt -o "$finds/id:000000,sig:06"
	{ cat "$finds/id:000000,sig:06"; build/plain/ringside assemble corpus/blk/write-read.txt -o "$work/more" && cat "$work/more"; } >"$finds/crash-longer"
	cp "$work/more" "$finds/crash-silent"
	echo "not a program" >"$finds/README.txt"
	build/bugs/P11 triage "$finds" -o "$out" >"$work/told" 2>&1 || status=$?
	told=$(grep -a 'files: ' "$work/told")
	case $status:$told in
	1:*'3 files: 2 fail, at 1 checks; 1 fail nowhere, 0 not the same way twice, 0 unusable') pass triage-buckets ;;
	*) fail triage-buckets "status $status: $(tail -n 3 "$work/told")" ;;
	esac
	if grep -q 'id:000000,sig:06  (the shortest)' "$out/01-ownership/report.md" && grep -q '^    VIOLATION ownership' "$out/01-ownership/report.md"; then
		pass triage-report
	else
		fail triage-report "$(head -n 30 "$out/01-ownership/report.md" 2>&1)"
	fi
	fuzz/bugs/plant.sh P11 >/dev/null 2>&1
	for tree in build/bugs/tree . ; do
		status=0
		gcc -std=gnu11 -I. -Icore -Isim-frontend "$out/01-ownership/shrunk.c" $tree/build/plain/libsim.a \
			$tree/build/plain/libcore.a -lcmocka -lzstd -lz -o "$work/test" >"$work/out" 2>&1 || status=compiler
		[ $status = compiler ] || "$work/test" >"$work/out" 2>&1 || status=$?
		case $tree:$status in
		.:0) pass triage-test-passes ;;
		build/bugs/tree:0) fail triage-test-fails "the C test passes on the tree with the bug" ;;
		build/bugs/tree:1) pass triage-test-fails ;;
		*) fail triage-test-passes "$(tail -n 3 "$work/out")" ;;
		esac
	done
	# Of fuzz_device: the first byte tells the devices: a disk, or a console ahead of entropy. This bug any of them shows.
	mkdir -p "$work/finds/device"
	{ printf '\000'; cat "$finds/id:000000,sig:06"; } >"$work/finds/device/crash-disk"
	{ printf '\006'; cat "$finds/id:000000,sig:06"; } >"$work/finds/device/crash-console"
	status=0
	build/bugs/P11 triage "$work/finds/device/crash-disk" -o "$work/triage-device" >"$work/told" 2>&1 || status=$?
	build/bugs/P11 triage "$work/finds/device/crash-console" -o "$work/triage-console" >>"$work/told" 2>&1
	if [ $status = 1 ] && grep -q '^01-ownership .*, blk0: ' "$work/told" && grep -q '^01-ownership .*, console0: ' "$work/told"; then
		pass triage-machine-byte
	else
		fail triage-machine-byte "status $status: $(tail -n 3 "$work/told")"
	fi
	status=0
	build/plain/ringside triage "$work/more" -o "$work/none" >"$work/told" 2>&1 || status=$?
	if [ $status = 2 ] && grep -q 'which device is it about' "$work/told"; then pass triage-no-device; else fail triage-no-device "$(cat "$work/told")"; fi
	status=0
	build/plain/ringside triage --device blk "$work/more" -o "$work/none" >"$work/told" 2>&1 || status=$?
	if [ $status = 0 ] && grep -q "^fails nowhere: $work/more" "$work/told"; then pass triage-silent; else fail triage-silent "$(cat "$work/told")"; fi
	refused_by triage-not-empty 'is not empty' build/plain/ringside triage --device blk "$work/more" -o "$out"
	# A save on the way mends this bug: a fuzzer, which runs most programs without, has found it.
	sed '4a rng0 save' corpus/bugs/X04.txt >"$work/mended.txt"
	status=0
	build/bugs/X04 triage "$work/mended.txt" -o "$work/unsaved" >"$work/told" 2>&1 || status=$?
	if build/bugs/X04 run --quiet "$work/mended.txt" >"$work/out" && [ $status = 1 ] && grep -q '^Its saves are left out' "$work"/unsaved/01-*/report.md; then
		pass triage-unsaved
	else
		fail triage-unsaved "status $status: $(tail -n 1 "$work/told")"
	fi
	# No child is no crash.
	echo 'int fork(void); int fork(void) { return -1; }' | gcc -shared -x c - -o "$work/nofork.so"
	for command in shrink 'triage --device blk'; do
		# shellcheck disable=SC2086
		LD_PRELOAD=$work/nofork.so build/plain/ringside $command corpus/blk/write-read.txt -o "$work/nofork" >"$work/told" 2>&1
		if [ $? = 2 ] && grep -q 'no child process' "$work/told"; then pass "${command%% *}-no-child"; else fail "${command%% *}-no-child" "$(cat "$work/told")"; fi
	done
}
triage
exit $failures
