# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: BSD-2-Clause
# fuzz/find.sh, to be sourced by fuzz/run.sh: what to do with a find. It reads $engine, $target, $finds and $log.

# What the target said of it. AFL++ does not write that down: the find is run once more.
what_it_is() { # FIND
	if [ "$engine" = afl ]; then
		case $1 in */timeout-*) echo 'it runs for longer than AFL++ allows'; return ;; esac
		timeout 20 "build/afl/fuzz_$target" "$1" >>"$log" 2>&1
	fi
	grep -m1 -ahE '^ORACLE|: runtime error:|ERROR: |libFuzzer: timeout' "$log" || echo 'the target ended; see the log'
}

# Whether its saves were done is told by its bytes (fuzz/target.c), so the fuzzer's own build is the one that does the same again.
show_find() { # FIND WHAT-IT-IS
	local find=$1 player=build/fuzz/fuzz_$target ring=${RING:+RINGSIDE_FUZZ_RING=$RING } options=' -timeout=10'
	[ "$engine" != afl ] || player=build/afl/fuzz_$target options=
	echo "fuzz: FOUND in $target: $2"
	echo "  program    $find ($(stat -c %s "$find") bytes); log $log"
	echo "  again      make FLAVOUR=$(basename "$(dirname "$player")") $player && $ring$player$options $find"
	if grep -qa '^the input was a tape' "$log"; then # fuzz/differ.h
		make -s -j"$(nproc)" build/plain/ringside
		find=$(grep -ahm1 '^its ops: ' "$log" | sed "s|^its ops: ||; s|^$PWD/||")
		echo "  as text    $find"
		echo "  op by op   build/plain/ringside run $find"
		echo "  all finds  build/asan/ringside triage $finds$([ "$target" != differential ] || echo '/*.txt') -o triage     (make FLAVOUR=asan)"
		return
	fi
	case $target in
	trace | boot | snapshot | ring | differential) # no programs
		echo "  as bytes   xxd $find; what they are: fuzz/fuzz_$target.c"
		echo "  then       fix it; make corpus-add FILE=$find TARGET=$target NAME=what-it-shows"
		;;
	*) show_program "$find" ;;
	esac
}

show_program() { # FIND
	local find=$1 one_device='--one-device ' about=$target offer='' show
	[ "$target" != device ] || one_device= # its first byte tells
	[ "$target" != canary ] || about=blk
	[ -z "${RING:-}" ] || offer=" | sed '1a ${about}0 offer features=0x400000000'"
	make -s -j"$(nproc)" build/plain/ringside
	show="build/plain/ringside show --program $one_device--device $about $find"
	echo "  as text    $show$offer > find.txt"
	echo "  op by op   build/plain/ringside run find.txt"
	! $show | grep -q ' save$' || echo "  its saves  where \`run\` finds nothing: take them out (sed -i '/ save\$/d' find.txt); the fuzzer does those of one program in 16"
	if [ "$target" = canary ]; then
		echo "  the bug    is that of fuzz/fuzz_canary.c: the device itself has none"
		return
	fi
	echo "  all finds  build/asan/ringside triage ${RING:+--ring $RING }$finds -o triage     (make FLAVOUR=asan)"
	echo "  then       docs/fuzzing.md: shorten it, fix it, keep it in corpus/$target/ (${RING:+RING=$RING }make corpus-add)"
}
