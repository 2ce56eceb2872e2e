#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ringside show, assemble and diff: text and file are the same thing, mistakes are told in one line with status 2.
# Prints `PASS name` or `FAIL name: why`; RINGSIDE names another program than build/plain/ringside.
set -u
cd "$(dirname "$0")/../.." || exit 1
ringside=${RINGSIDE:-build/plain/ringside}
prefix=
. tests/report.sh
check() { # check NAME COMMAND...: status 0
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then pass "$name"; else fail "$name" "status $?: $(head -n 3 <<<"$out")"; fi
}
[ -x "$ringside" ] || { fail trace "no $ringside: make all"; exit 1; }

# What was frozen is read for good: every op that a version had on its first day, the chunks as they were compressed then.
for version in version-1 version-2; do
	if out=$("$ringside" show --no-comments corpus/frozen/$version.vtrace 2>&1) && [ "$out" = "$(cat corpus/frozen/$version.txt)" ]; then
		pass frozen-$version
	else
		fail frozen-$version "$(diff <(echo "$out") corpus/frozen/$version.txt | head -n 3)"
	fi
done

cat >"$work/a.txt" <<'END'
# A trace written by hand.
trace version=1 payload=full build="by hand"
ram gpa=0x0 len=0x10000
ram gpa=0x100000 len=0x8000
device blk0 features=0x130001c76 queues=256,64 config=0008000000000000 ident=4142
device rng1 queues=64
blk0 write reg=0x70 size=4 value=15
blk0 load for=desc gpa=0x40 data=00100000000000001000000001000100
blk0 load for=header gpa=0x1000 data=01000000000000000900000000000000
blk0 offence offence=chain-loop
rng1 irq source=0xffff
blk0 store for=used_entry gpa=0x2004 data=0700000001020000
blk0 submit id=3 type=write sector=9 len=512 flags=1 spans=1
blk0 state hash=0xffffffffffffffff
end limit
END

# roundtrip NAME TEXT: text -> file -> text -> file -> text
roundtrip() {
	if ! "$ringside" assemble "$2" -o "$work/1.vtrace" || ! "$ringside" show "$work/1.vtrace" >"$work/1.txt"; then
		fail "$1" "it does not assemble"
	elif ! "$ringside" assemble "$work/1.txt" -o "$work/2.vtrace" || ! "$ringside" show "$work/2.vtrace" >"$work/2.txt"; then
		fail "$1" "what show printed does not assemble"
	elif ! cmp -s "$work/1.txt" "$work/2.txt"; then
		fail "$1" "show, assemble, show gives another text: $(diff "$work/1.txt" "$work/2.txt" | head -n 3)"
	else
		pass "$1"
	fi
}
roundtrip show-assemble-show "$work/a.txt"
cp "$work/1.vtrace" "$work/a.vtrace"
cp "$work/1.txt" "$work/shown.txt"
check show-keeps-all cmp "$work/1.vtrace" "$work/2.vtrace"
for words in 'Status ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK' 'addr=0x1000 len=16 NEXT next=1' 'OUT sector=9' \
	'offence=chain-loop' 'configuration change' 'id=7 len=513' 'type=write' 'EVENT_IDX|VERSION_1' 'build="by hand"' 'end limit'; do
	check "shown: $words" grep -qF "$words" "$work/shown.txt"
done
"$ringside" show --no-comments "$work/a.vtrace" >"$work/bare.txt"
check no-comments bash -c "! grep -q ' # ' '$work/bare.txt' && [ \$(wc -l <'$work/bare.txt') = \$(wc -l <'$work/shown.txt') ]"
roundtrip no-comments-assemble "$work/bare.txt"
check same-without-comments cmp "$work/1.vtrace" "$work/a.vtrace"

# Kept traces of real guests: the same, and the file too but for where its chunks end.
for trace in corpus/traces/*.vtrace; do
	[ -s "$trace" ] || continue
	name=$(basename "$trace" .vtrace)
	if "$ringside" show "$trace" >"$work/kept.txt"; then
		roundtrip "kept-$name" "$work/kept.txt"
		check "kept-$name-text" cmp "$work/kept.txt" "$work/1.txt"
		check "kept-$name-diff" "$ringside" diff "$trace" "$work/1.vtrace"
	else
		fail "kept-$name" "show does not read it"
	fi
done

# Programs: bytes and text.
printf 'device blk0\ndevice blk1\nblk0 post queue=1 type=out sector=5 len=512 shape=0x3\nblk1 poke gpa=0x10 data=aabb\n' >"$work/p.txt"
check program-assembles "$ringside" assemble "$work/p.txt" -o "$work/p.bin"
check program-bytes cmp "$work/p.bin" <(printf '\x00\x01\x01\x05\x80\x04\x03\x66\x10\x02\xaa\xbb')
check program-shown diff "$work/p.txt" <("$ringside" show --program --no-comments "$work/p.bin")
# Behind the byte that tells a machine: its devices and what they offer come first, the devices of ops are counted among them.
printf '\x0c\x42\x00\x80\x01\x01\x01\x05\x80\x04\x03' >"$work/chosen.bin"
printf 'device blk0\ndevice net1\nblk0 offer features=0x400000000\nnet1 offer features=0x400000000\nnet1 reap queue=0\nblk0 post queue=1 type=in sector=1 len=1 shape=0x280\n' >"$work/chosen.txt"
check chosen-shown diff <("$ringside" show --program --device device --no-comments "$work/chosen.bin" | head -n 5) <(head -n 5 "$work/chosen.txt")
check chosen-assembles "$ringside" assemble --machine-byte "$work/chosen.txt" -o "$work/chosen.again"
check chosen-byte test "$(head -c 1 "$work/chosen.again" | od -An -tx1)" = " 04"
check chosen-again diff <("$ringside" show --program --device device --no-comments "$work/chosen.again") "$work/chosen.txt"
check chosen-nothing diff <("$ringside" show --program --device device /dev/null) <(echo 'device blk0')
out=$("$ringside" assemble --machine-byte "$work/p.txt" -o "$work/none.bin" 2>&1)
if [ $? = 2 ] && grep -q 'no machine has just these devices' <<<"$out" && [ ! -e "$work/none.bin" ]; then pass chosen-unknown; else fail chosen-unknown "$out"; fi
# What goes on from a saved state: version 2 and no other.
roundtrip restored corpus/frozen/version-2.txt
check restored-version cmp -i 8:0 -n 4 "$work/1.vtrace" <(printf '\x02\0\0\0')
check restored-same "$ringside" diff "$work/1.vtrace" corpus/frozen/version-2.vtrace
refused_by restored-in-version-1 'must say version=2' \
	bash -c "sed 's/version=2/version=1/' corpus/frozen/version-2.txt >'$work/v1.txt'; '$ringside' assemble '$work/v1.txt' -o '$work/x'"
refused_by restored-late 'it is in use already' bash -c "sed '/restored/{p}' corpus/frozen/version-2.txt >'$work/late.txt'
	'$ringside' assemble '$work/late.txt' -o '$work/late.vtrace'; '$ringside' show '$work/late.vtrace' >'$work/late'"
refused_by restored-damaged 'op 1: the saved state of device 0 is damaged' bash -c "sed 's/data=525353/data=525354/' corpus/frozen/version-2.txt \
	>'$work/bad.txt'; '$ringside' assemble '$work/bad.txt' -o '$work/bad.vtrace'; '$ringside' replay '$work/bad.vtrace'"
refused_by restored-lift "in the midst of a guest's life" "$ringside" lift corpus/frozen/version-2.vtrace -o "$work/lifted"
check restored-damaged-exported bash -c "'$ringside' export '$work/bad.vtrace' --html '$work/bad.html' | grep -q 'not judged: the saved state of device 0'"
head -c 3000 /dev/urandom >"$work/any.bin"
"$ringside" show --program "$work/any.bin" >"$work/any.txt"
"$ringside" assemble "$work/any.txt" -o "$work/canonical.bin"
if "$ringside" show --program "$work/canonical.bin" | cmp -s - "$work/any.txt"; then
	pass any-bytes-are-a-program
else
	cp "$work/any.bin" "${TMPDIR:-/tmp}/ringside-any.bin"
	fail any-bytes-are-a-program "other text after assemble; the bytes are kept in ${TMPDIR:-/tmp}/ringside-any.bin"
fi

# diff
check diff-same "$ringside" diff "$work/a.vtrace" "$work/a.vtrace"
for change in 's/sector=9 len/sector=8 len/' 's/data=07000000/data=08000000/' 's/hash=0xf/hash=0xe/' 's/irq source=0xffff/irq source=0/'; do
	sed "$change" "$work/shown.txt" >"$work/b.txt"
	"$ringside" assemble "$work/b.txt" -o "$work/b.vtrace"
	line=$(diff "$work/shown.txt" "$work/b.txt" | sed -n 's/^\([0-9]*\)c.*/\1/p')
	out=$("$ringside" diff "$work/a.vtrace" "$work/b.vtrace")
	status=$?
	# Five lines stand before the first op.
	if [ $status = 1 ] && grep -qx "first difference: op $((line - 5))" <<<"$out"; then
		pass "diff $change"
	else
		fail "diff $change" "status $status: $out"
	fi
done
grep -v '^rng1' "$work/shown.txt" >"$work/b.txt"
"$ringside" assemble "$work/b.txt" -o "$work/b.vtrace"
out=$("$ringside" diff --context 1 "$work/a.vtrace" "$work/b.vtrace")
if [ $? = 1 ] && grep -q '^irq  *1  *0  \*$' <<<"$out" && [ "$(grep -c '^  [0-9]' <<<"$out")" = 1 ]; then
	pass diff-counts
else
	fail diff-counts "$out"
fi
sed 's/len=0x8000/len=0x9000/' "$work/shown.txt" >"$work/b.txt"
"$ringside" assemble "$work/b.txt" -o "$work/b.vtrace"
"$ringside" diff "$work/a.vtrace" "$work/b.vtrace" >"$work/out"
if [ $? = 1 ] && grep -q '^heads differ' "$work/out"; then pass diff-heads; else fail diff-heads "$(head -n 3 "$work/out")"; fi

# A file that was cut off is read up to its last whole chunk.
size=$(stat -c %s "$work/a.vtrace")
head -c $((size - 5)) "$work/a.vtrace" >"$work/cut.vtrace"
out=$("$ringside" show "$work/cut.vtrace" 2>&1 >"$work/cut.txt")
if [ $? = 0 ] && grep -q 'cut short in the middle of a chunk' <<<"$out" && diff -q <(grep -v '^end' "$work/shown.txt") "$work/cut.txt" >/dev/null; then
	pass cut-short
else
	fail cut-short "$out"
fi
roundtrip cut-short-again "$work/cut.txt" 2>/dev/null

# Bad usage and bad files.
refused_by no-command 'no command given' "$ringside"
refused_by unknown-command 'no such command: frobnicate' "$ringside" frobnicate
refused_by unknown-option 'unknown option --frob' "$ringside" show --frob "$work/a.vtrace"
refused_by missing-argument 'missing argument' "$ringside" show
refused_by missing-second 'missing argument' "$ringside" diff "$work/a.vtrace"
refused_by too-many 'one argument too many' "$ringside" show a b
refused_by no-output 'missing option -o' "$ringside" assemble "$work/a.txt"
refused_by option-value 'option -o needs a value' "$ringside" assemble "$work/a.txt" -o
refused_by bad-number 'expected a number' "$ringside" diff --context=many "$work/a.vtrace" "$work/a.vtrace"
refused_by missing-file 'cannot open: No such file' "$ringside" show "$work/none"
refused_by directory 'Is a directory' "$ringside" show "$work"
: >"$work/empty"
refused_by empty-file 'empty file' "$ringside" show "$work/empty"
refused_by no-trace 'not a trace' "$ringside" show "$work/a.txt"
refused_by diff-no-trace 'not a trace' "$ringside" diff "$work/a.vtrace" "$work/a.txt"
{ head -c 8 "$work/a.vtrace"; printf '\x07'; tail -c +10 "$work/a.vtrace"; } >"$work/v7"
refused_by other-version 'trace format version 7' "$ringside" show "$work/v7"
{ head -c $((size - 50)) "$work/a.vtrace"; printf '\xa5'; tail -c 49 "$work/a.vtrace"; } >"$work/damaged"
cmp -s "$work/damaged" "$work/a.vtrace" && fail damaged "the test does not damage it"
refused_by damaged 'damaged: chunk 1, at byte' bash -c "'$ringside' show '$work/damaged' >'$work/before'" # what stands before it is shown
refused_by text-mistake "a.bad:3:12: this op has no such field" bash -c "printf 'device blk0\n\nblk0 write que=1\n' >'$work/a.bad'; '$ringside' assemble '$work/a.bad' -o '$work/x'"
[ -e "$work/x" ] || [ -e "$work/x.part" ] && fail no-leftover "a file was left behind"
cp "$work/a.vtrace" "$work/kept"
refused_by text-mistake-kept 'no such field' "$ringside" assemble "$work/a.bad" -o "$work/kept"
cmp -s "$work/a.vtrace" "$work/kept" || fail text-mistake-kept "the file that was there is gone"
refused_by over-itself 'is the text itself' "$ringside" assemble "$work/a.txt" -o "$work/a.txt"
refused_by no-directory 'cannot create' "$ringside" assemble "$work/a.txt" -o "$work/none/x"
if [ -w /dev/full ]; then
	refused_by full-disk 'No space left' "$ringside" assemble "$work/a.txt" -o /dev/full
	refused_by full-device 'no such field' "$ringside" assemble "$work/a.bad" -o /dev/full
	[ -c /dev/full ] || fail full-device "/dev/full is gone"
	refused_by full-help 'cannot write standard output' bash -c "'$ringside' --help 3>&1 >/dev/full"
	refused_by full-clauses 'cannot write standard output' bash -c "'$ringside' clauses --list 3>&1 >/dev/full"
	refused_by full-output 'cannot write' bash -c "'$ringside' show '$work/a.vtrace' 3>&1 >/dev/full"
fi
check help bash -c "'$ringside' --help | grep -q '^  assemble'"
check help-command bash -c "'$ringside' diff --help | grep -q -- --context"
check version bash -c "'$ringside' --version | grep -q '^ringside [0-9].*trace formats 1 to 2'"

# Every op is told in the page about the text form.
missing=$(sed -n 's/^OP(0x[0-9a-f]*, [A-Z_]*, "\([a-z_]*\)".*/\1/p' core/trace/ops.def | while read -r op; do
	grep -q "^| .*\`$op\`.* |" docs/program-text.md || echo "$op"
done)
if [ -z "$missing" ] && [ "$(grep -c '^OP(' core/trace/ops.def)" -gt 30 ]; then pass ops-told; else fail ops-told "not in docs/program-text.md: $missing"; fi
exit $failures
