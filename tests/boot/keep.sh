#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# keep.sh [TRACE [NAME]]: keeps a boot's trace as corpus/traces/NAME.vtrace and lifts the seeds corpus/{blk,rng}/boot[-packed]-*.txt
# from it anew. Without words it is the latest make boot-test's recorded boot, on packed rings, as debian-boot-packed; debian-boot is
# one on split rings (packed=off for each device in inside/boot.sh). For when the trace format or the recorded devices change.
set -eu
cd "$(dirname "$0")/../.."
trace=${1:-build/boot/out/boot.vtrace} name=${2:-debian-boot-packed}
ringside=build/plain/ringside
[ -s "$trace" ] || { echo "keep.sh: $trace is not there; run make boot-test first" >&2; exit 1; }
$ringside replay "$trace"
mkdir -p corpus/traces
kept=corpus/traces/$name.vtrace
[ "$trace" -ef "$kept" ] || cp "$trace" "$kept"
chmod 644 "$kept"
seeds=${name#debian-} most=100
[ "$seeds" = boot ] || most=8 # the packed ones differ from the split ones in the ring alone
rm -f corpus/{blk,rng}/"$seeds"-[0-9]*.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
$ringside show "$trace" | sed -n 's/^device \([a-z]*\)\([0-9]*\) .*/\1 \2/p' | while read -r type number; do
	cp "$trace" "$work/$seeds-$number.vtrace"
	$ringside lift "$work/$seeds-$number.vtrace" --device "$number" --most $most -o "corpus/$type"
done
