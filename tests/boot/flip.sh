#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# flip.sh TRACE: changes one recorded output in the trace's text form, and sees that replay stops with status 1 at exactly that op.
# A few tries for each kind of output: show -> edit -> assemble -> replay.
# Prints PASS and FAIL lines; part of tests/boot/run.sh.
set -eu
. "$(dirname "$0")/lib.sh"
trace=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/ringside-flip.XXXXXX")
trap 'rm -rf "$work"' EXIT
ringside=$bin/ringside

"$ringside" show "$trace" >"$work/text" || die "ringside show $trace fails"
# the way through the text form changes nothing by itself
if "$ringside" assemble "$work/text" -o "$work/same.vtrace" && "$ringside" replay "$work/same.vtrace" >"$work/log" 2>&1; then
	pass flip-nothing
else
	fail flip-nothing "show, assemble, replay of the trace as it is: $(tail -n 1 "$work/log")"
fi

# edit LINE FIELD: one digit of FIELD in that line becomes another
edit() {
	awk -v at="$1" -v f=" $2=" -v nr="$RANDOM" -v by="$RANDOM" 'NR == at {
		from = index($0, f) + length(f)
		if (substr($0, from, 2) == "0x") from += 2
		rest = substr($0, from)
		len = match(rest, /[ #]/) ? RSTART - 1 : length(rest)
		base = f == " data=" || substr($0, from - 2, 2) == "0x" ? 16 : 10
		which = from + nr % len
		digit = index("0123456789abcdef", substr($0, which, 1)) - 1
		digit = (digit + 1 + by % (base - 1)) % base
		$0 = substr($0, 1, which - 1) substr("0123456789abcdef", digit + 1, 1) substr($0, which + 1)
	} { print }' "$work/text" >"$work/flipped"
}

# try LINE FIELD: says what is wrong
try() {
	local status=0
	edit "$1" "$2"
	if cmp -s "$work/text" "$work/flipped"; then
		echo "the edit changed nothing in line $1"
	elif ! "$ringside" assemble "$work/flipped" -o "$work/flipped.vtrace" >"$work/log" 2>&1; then
		echo "assemble: $(tail -n 1 "$work/log")"
	else
		# as replay would write it: without leading zeros, which an edit may have made
		"$ringside" show "$work/flipped.vtrace" | sed -n "$1p" >"$work/op"
		"$ringside" replay "$work/flipped.vtrace" >"$work/log" 2>&1 || status=$?
		if [ "$status" != 1 ]; then
			echo "replay ended with status $status for: $(cat "$work/op")"
		elif ! grep -qF "$(sed 's/ *#.*//' "$work/op")" "$work/log"; then
			echo "replay does not name the op: $(cat "$work/op")"
		fi
	fi
}

# flip OP FIELD: at the first, the last, and two other lines that have such an op
flip() {
	local op=$1 field=$2 lines n what
	mapfile -t lines < <(awk -v op="$op" -v f=" $field=" '$2 == op && index($0, f) { print NR }' "$work/text")
	n=${#lines[@]}
	if [ "$n" = 0 ]; then
		fail "flip-$op-$field" "the trace has no such op"
		return
	fi
	for i in 0 $((RANDOM * 32768 % n)) $(((RANDOM * 32768 + RANDOM) % n)) $((n - 1)); do
		what=$(try "${lines[i]}" "$field")
		if [ -n "$what" ]; then
			fail "flip-$op-$field" "$what"
			return
		fi
	done
	pass "flip-$op-$field"
}

# The same digits again: RINGSIDE_SEED=... flip.sh TRACE
RANDOM=${RINGSIDE_SEED:=$$}
echo "flip: RINGSIDE_SEED=$RINGSIDE_SEED"
flip read value
flip load gpa
flip store gpa
flip store data
flip irq source
flip pin len
flip submit sector
flip submit len
flip submit flags
flip unpin gpa
flip unpin stored
flip unpin hash
flip state hash
finish
