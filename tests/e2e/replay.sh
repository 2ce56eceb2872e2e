#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Kept guest traces replay strictly, with the same state hash from every compiler and sanitizer; loosely too. A changed output is
# found; files that are no use are refused with one line and status 2.
set -u
cd "$(dirname "$0")/../.." || exit 1
prefix=
. tests/report.sh

traces=(corpus/traces/*.vtrace)
[ -s "${traces[0]}" ] || fail replay-kept "no kept trace in corpus/traces"
for trace in "${traces[@]}"; do
	name=$(basename "$trace" .vtrace) hashes=
	for flavour in plain clang asan msan; do
		if out=$(build/$flavour/ringside replay "$trace" 2>&1); then
			hashes+="$(grep -o 'state hash [0-9a-f]*' <<<"$out")"$'\n'
		else
			fail "replay-$name-$flavour" "$(head -n 1 <<<"$out")"
		fi
	done
	if [ "$(sort -u <<<"${hashes%$'\n'}" | grep -c hash)" = 1 ] && [ "$(grep -c hash <<<"$hashes")" = 4 ]; then
		pass "replay-$name: $(head -n 1 <<<"$hashes") from gcc -O2, clang -O3, ASan+UBSan and MSan"
	else
		fail "replay-$name" "state hashes differ: $hashes"
	fi
	if out=$(build/plain/ringside replay --loose "$trace" 2>&1); then pass "loose-$name"; else fail "loose-$name" "$out"; fi
	[ "$(stat -c %s "$trace")" -lt 1048576 ] || fail "size-$name" "a kept trace stays under 1 MiB"
	[[ $name == debian-boot* ]] || continue
	# Its first disk, told as programs for the simulator: a driver that breaks no rule and gets all its answers.
	rm -rf "$work/lifted"
	out=$(build/plain/ringside lift "$trace" -o "$work/lifted") || fail "lift-$name" "$out"
	bad='' n=0
	for text in "$work"/lifted/*.txt; do
		n=$((n + 1))
		out=$(build/plain/ringside run --quiet "$text") || bad="$text: $out"
		grep -Eq ' ([0-9]+) requests: \1 answered, 0 of them failed; .* 0 offences' <<<"$out" || bad="$text: $out"
	done
	if [[ $name == *packed* ]] && ! grep -q 'offer features=0x[0-9a-f]*4[0-9a-f]\{8\}\( \|$\)' "$work"/lifted/*-000.txt; then bad="not packed"; fi
	if [ "$n" -gt 10 ] && [ -z "$bad" ]; then pass "lift-$name ($n programs)"; else fail "lift-$name" "$n programs; $bad"; fi
done

# Network cards and a console, likewise; buffers for frames and bytes that do not come are left.
for of in net-0 net-1 console-0; do
	rm -rf "$work/lifted"
	out=$(build/plain/ringside lift "corpus/traces/debian-${of%-*}.vtrace" --device "${of#*-}" -o "$work/lifted") || fail "lift-$of" "$out"
	bad='' n=0
	for text in "$work"/lifted/*.txt; do
		n=$((n + 1))
		out=$(build/plain/ringside run --quiet "$text") || bad="$text: $out"
		grep -q ' 0 of them failed; .* 0 offences' <<<"$out" || bad="$text: $out"
	done
	if [ "$n" -gt 5 ] && [ -z "$bad" ]; then pass "lift-$of ($n programs)"; else fail "lift-$of" "$n programs; $bad"; fi
done
if grep -q ' input ' "$work"/lifted/*.txt && grep -q 'queue=7 type=send' "$work"/lifted/*.txt; then
	pass lift-console-both-ways
else
	fail lift-console-both-ways "no input, or no output of port 2"
fi

# Broken chains come again as breaks: the same offence.
# offends FILE TRACE: the offences of a program
offends() { build/plain/ringside run --quiet "$1" --record "$2" >/dev/null 2>&1; build/plain/ringside show "$2" | grep -o 'offence=[a-z-]*'; }
bad='' n=0
for ring in 0x0 0x400000000; do
	# how, at, value, type, shape (sim-frontend/driver.h)
	for b in '2 0 0 in 0' '3 0 0 in 0' '4 0 1 in 0' '5 0 0 in 0' '6 0 0 discard 0' '9 0 0x80 discard 0' '11 2 0xfffffffffffff000 in 0' '13 2 0 in 0x40' \
		'14 2 0xffff in 0' '15 0 0 in 0' '16 0 0 in 0x40' '17 0 8 in 0x40' '18 0 0xfffffffffffff000 in 0x40' '21 0 0 in 0' '22 0 0 in 0' '23 0 0 in 0' '24 0 0 in 0'; do
		read -r how at value type shape <<<"$b"
		printf '%s\n' 'device blk0' "blk0 offer features=$ring" 'blk0 hold n=2' "blk0 break how=$how at=$at value=$value" \
			"blk0 post queue=0 type=$type sector=2 len=512 shape=$shape" 'blk0 kick queue=0' >"$work/broken.txt"
		want=$(offends "$work/broken.txt" "$work/broken.vtrace")
		rm -rf "$work/lifted"
		build/plain/ringside lift "$work/broken.vtrace" -o "$work/lifted" >/dev/null
		got=$(offends "$work/lifted/broken-000.txt" "$work/again.vtrace")
		n=$((n + 1))
		[ -n "$want" ] && [ "$want" = "$got" ] || bad="$bad; break $b on $ring: $want became $got"
	done
done
if [ -z "$bad" ]; then pass "lift-broken-chains ($n)"; else fail lift-broken-chains "$bad"; fi

# Longer pieces tell the same boot: none of it is lost.
rm -rf "$work/lifted"
out=$(build/plain/ringside lift corpus/traces/debian-boot.vtrace --max-bytes 4096 -o "$work/lifted")
n=$(grep -o '[0-9]* requests' <<<"$out")
if [ "${n% *}" -gt 900 ]; then pass "lift-long-pieces ($n)"; else fail lift-long-pieces "$out"; fi

trace=${traces[0]}
head -c 300 "$trace" >"$work/cut.vtrace"
out=$(build/plain/ringside replay "$work/cut.vtrace" 2>&1)
if [ $? = 2 ] && grep -q 'holds no op' <<<"$out"; then pass replay-nothing; else fail replay-nothing "$out"; fi
head -c $(($(stat -c %s "$trace") * 2 / 3)) "$trace" >"$work/cut.vtrace"
if out=$(build/plain/ringside replay "$work/cut.vtrace" 2>&1) && grep -q 'cut short' <<<"$out"; then
	pass replay-truncated
else
	fail replay-truncated "$out"
fi
refused() { refused_by "replay-$1" "$3" build/plain/ringside replay "$2"; } # NAME FILE WORDS
refused missing "$work/none.vtrace" 'cannot open'
refused_by replay-gdb-missing 'cannot open' build/plain/ringside replay --gdb "$work/none.vtrace"
: >"$work/empty.vtrace"
refused empty "$work/empty.vtrace" 'empty'
echo "no trace" >"$work/text.vtrace"
refused no-trace "$work/text.vtrace" 'not a trace'
{ head -c 8 "$trace"; printf '\x63\0\0\0'; tail -c +13 "$trace"; } >"$work/version.vtrace"
refused other-version "$work/version.vtrace" 'version 99'
size=$(stat -c %s "$trace")
{ head -c $((size / 2)) "$trace"; printf '\xa5\x5a\xa5\x5a'; tail -c +$((size / 2 + 5)) "$trace"; } >"$work/damaged.vtrace"
refused damaged "$work/damaged.vtrace" 'damaged'
exit $failures
