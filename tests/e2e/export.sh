#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ringside export: what it writes for other programs, from kept boots and from recordings of the simulator; what it refuses.
# Prints `PASS name` or `FAIL name: why`; RINGSIDE names another program than build/plain/ringside.
set -u
cd "$(dirname "$0")/../.." || exit 1
ringside=${RINGSIDE:-build/plain/ringside}
prefix=export-
. tests/report.sh
[ -x "$ringside" ] || { fail export "no $ringside: make all"; exit 1; }

# export NAME WORDS ARGUMENT...: status 0, and WORDS (a pattern) in what it says
exports() {
	local name=$1 words=$2 out
	shift 2
	if out=$("$ringside" export "$@" 2>&1) && grep -q "$words" <<<"$out"; then pass "$name"; else fail "$name" "$out"; fi
}

boot=corpus/traces/debian-boot.vtrace
ops=$("$ringside" show "$boot" | grep -c '^[a-z]*[0-9] [a-z]')
used=$("$ringside" show "$boot" | grep -c 'store for=used_entry')
cat >"$work/program.txt" <<'END'
blk0 post type=out sector=8 len=512
blk0 kick
blk0 post type=in sector=8 len=1024
blk0 kick
blk0 reap
END
"$ringside" run --quiet --record "$work/run.vtrace" "$work/program.txt" >/dev/null || fail record "ringside run"

exports perfetto-boot "^$work/boot.pftrace: $ops ops, $used requests; open it in ui.perfetto.dev" "$boot" --perfetto "$work/boot.pftrace"
exports perfetto-run 'ops, 2 requests' "$work/run.vtrace" --perfetto "$work/run.pftrace"
grep -aq 'write sector 8, 512 bytes' "$work/run.pftrace" || fail perfetto-names "no slice for the write"

# Files that are no use, and those that are cut short.
size=$(stat -c %s "$boot")
head -c $((size * 2 / 3)) "$boot" >"$work/cut.vtrace"
exports cut-short 'cut short' "$work/cut.vtrace" --perfetto "$work/cut.pftrace"
[ -s "$work/cut.pftrace" ] || fail cut-short-written "nothing was written"
{ head -c $((size / 2)) "$boot"; printf '\xa5\x5a\xa5\x5a'; tail -c +$((size / 2 + 5)) "$boot"; } >"$work/damaged.vtrace"
refused_by damaged 'damaged: chunk' "$ringside" export "$work/damaged.vtrace" --perfetto "$work/none"
refused_by missing 'cannot open' "$ringside" export "$work/none.vtrace" --perfetto "$work/none"
refused_by no-trace 'not a trace' "$ringside" export "$work/program.txt" --perfetto "$work/none"
refused_by no-form 'say what to make of it' "$ringside" export "$boot"
refused_by no-directory 'cannot create' "$ringside" export "$boot" --perfetto "$work/none/x"
refused_by over-itself 'is the trace itself' "$ringside" export "$work/run.vtrace" --perfetto "$work/run.vtrace"
if [ -w /dev/full ]; then
	refused_by full-disk 'No space left' "$ringside" export "$boot" --perfetto /dev/full
	[ -c /dev/full ] || fail full-disk "/dev/full is gone"
fi
[ ! -e "$work/none" ] || fail no-leftover "a file was left behind"

# A recording that this build does not repeat: the op is named.
"$ringside" show "$work/run.vtrace" | sed 's/\(store for=used_entry .*data=........\)01/\102/' >"$work/wrong.txt"
"$ringside" assemble "$work/wrong.txt" -o "$work/wrong.vtrace" || fail assemble-wrong "it does not"
at=$("$ringside" replay "$work/wrong.vtrace" | sed -n 's/.*diverges at op //p')
exports diverges "diverges at op $at: this build's device does: blk0 store for=used_entry" "$work/wrong.vtrace" --perfetto "$work/wrong.pftrace"
exit $failures
