#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# flip.sh TRACE: changes one recorded output in the trace's text form, and sees that replay stops with status 1 at exactly that op.
# One try for each kind of output, at a line in the middle of those of that kind: show -> edit -> assemble -> replay.
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

# flip OP FIELD: another last digit for one FIELD of one OP
flip() {
	local op=$1 field=$2 status=0 line
	line=$(awk -v op="$op" -v f=" $field=" '$2 == op && index($0, f) { n[++k] = NR } END { if (k) print n[int((k + 1) / 2)] }' "$work/text")
	if [ -z "$line" ]; then
		fail "flip-$op-$field" "the trace has no such op"
		return
	fi
	awk -v at="$line" -v f=" $field=" 'NR == at {
		from = index($0, f) + length(f)
		rest = substr($0, from)
		len = match(rest, /[ #]/) ? RSTART - 1 : length(rest)
		last = substr(rest, len, 1)
		$0 = substr($0, 1, from - 1) substr(rest, 1, len - 1) (last == "1" ? "2" : "1") substr(rest, len + 1)
	} { print }' "$work/text" >"$work/flipped"
	sed "${line}q;d" "$work/flipped" >"$work/op"
	if cmp -s "$work/text" "$work/flipped"; then
		fail "flip-$op-$field" "the edit changed nothing"
		return
	fi
	"$ringside" assemble "$work/flipped" -o "$work/flipped.vtrace" >"$work/log" 2>&1 || {
		fail "flip-$op-$field" "assemble: $(tail -n 1 "$work/log")"
		return
	}
	"$ringside" replay "$work/flipped.vtrace" >"$work/log" 2>&1 || status=$?
	if [ "$status" != 1 ]; then
		fail "flip-$op-$field" "replay ended with status $status for: $(cat "$work/op")"
	elif ! grep -qF "$(sed 's/ *#.*//' "$work/op")" "$work/log"; then
		fail "flip-$op-$field" "replay does not name the op: $(cat "$work/op")"
	else
		pass "flip-$op-$field"
	fi
}

flip read value
flip store data
flip irq source
flip submit sector
flip submit len
flip unpin stored
flip unpin hash
flip state hash
finish
