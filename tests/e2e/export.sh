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

# Frames: two devices; sent in full, received with its first bytes, dropped.
header=01813600a80522001000 addresses=ffffffffffff525400123456
cat >"$work/net.txt" <<END
trace version=1 payload=full build="by hand"
ram gpa=0x0 len=0x10000
device net0 queues=256,256
device net1 queues=256,256
net0 pin kind=load gpa=0x1000 len=14 granted=1 data=${addresses}0806
net0 pin kind=load gpa=0x2000 len=28 granted=1 data=00010800060400015254001234560a0000020000000000000a000003
net0 submit id=0 type=0 len=42 spans=2 data=00000000000000000000
net1 frame pair=0 len=1514 data=$header${addresses}0800
net1 submit id=0 type=1 len=1514 spans=1
net1 done id=0 nested=1
net1 unpin kind=store gpa=0x1000 len=1514 stored=1514 hash=0x1
net1 answer value=0
end done
END
sed -i "s/version=1/version=$("$ringside" show "$boot" | sed -n '1s/^trace version=\([0-9]*\) .*/\1/p')/" "$work/net.txt"
"$ringside" assemble "$work/net.txt" -o "$work/net.vtrace" || fail assemble-net "it does not"
exports pcapng "^$work/net.pcapng: 8 ops, 2 frames; open it in Wireshark" "$work/net.vtrace" --pcapng "$work/net.pcapng"
refused_by pcapng-no-network 'has no network device' "$ringside" export "$boot" --pcapng "$work/none"
[ ! -e "$work/none" ] || fail pcapng-no-leftover "a file was left behind"
frames() { tshark -r "$1" -T fields -E separator='|' "${@:2}" 2>"$work/err"; }
want="0.000003000|net0|42|42|52:54:00:12:34:56|1|10.0.0.3
0.000006000|net1|14|1514|52:54:00:12:34:56||"
got=$(frames "$work/net.pcapng" -e frame.time_epoch -e frame.interface_name -e frame.cap_len -e frame.len -e eth.src -e arp.opcode -e arp.dst.proto_ipv4)
if [ "$got" = "$want" ]; then pass pcapng-tshark; else fail pcapng-tshark "$got $(cat "$work/err")"; fi
if frames "$work/net.pcapng" -e frame.comment | grep -q '^op 6: received, pair 0; virtio header: flags 0x1, gso TCPv4 ECN, gso_size 1448.*; 1500 of 1514 bytes'; then
	pass pcapng-comment
else
	fail pcapng-comment "$(frames "$work/net.pcapng" -e frame.comment)"
fi
# Kept guests that have a network.
for trace in corpus/traces/*.vtrace; do
	"$ringside" show "$trace" | grep -q '^device net' || continue
	name=$(basename "$trace" .vtrace)
	exports "pcapng-$name" 'frames; open it' "$trace" --pcapng "$work/$name.pcapng"
	n=$("$ringside" show "$trace" | grep -cE '^net[0-9]* submit .*type=(tx|0) ')
	sent=$(frames "$work/$name.pcapng" -Y 'frame.packet_flags_direction == 2' -e frame.number | wc -l)
	if [ "$n" = "$sent" ] && [ "$n" -gt 0 ]; then pass "pcapng-$name-sent ($n)"; else fail "pcapng-$name-sent" "$sent frames for $n requests"; fi
done

# The page, in a browser.
. tests/browser.sh
browser_start || { fail page "no chromium: tests/deps.sh test installs it"; exit 1; }
checks=$(cat tests/e2e/export-page.js)
opens() { # NAME FILE[#...]: the page draws itself, and takes the checks in
	if browser_open "file://$2" && [ "$answer" = 1 ] && browser_call Runtime.evaluate "{\"expression\":$(json_string "$checks")}"; then
		pass "$1"
	else
		fail "$1" "it does not draw itself: $answer"
	fi
}
is() { # NAME EXPRESSION VALUE
	if browser_value "$2" && [ "$answer" = "$3" ]; then pass "$1"; else fail "$1" "$2 is ${answer:0:300}, not ${3:0:300}"; fi
}
now='document.getElementById("now").textContent'
nth() { "$ringside" show "$1" | grep '^[a-z]*[0-9] [a-z]' | sed -n "$2p"; } # TRACE N: the Nth op as `show` prints it

# A lost interrupt, found by a build that has it, shrunk; the violation is where the page opens.
[ build/bugs/X02 -nt "$ringside" ] || fuzz/bugs/plant.sh X02 2>/dev/null
bug=build/bugs/X02
"$bug" shrink corpus/bugs/X02.txt -o "$work/x02" --seconds 20 >"$work/out" 2>&1 || fail page-shrink "$(tail -n 1 "$work/out")"
out=$("$bug" export "$work/x02.vtrace" --html "$work/x02.html" --perfetto "$work/x02.pftrace")
at=$(sed -n 's/.*VIOLATION notification split.usednotif.5 at op \([0-9]*\), .*/\1/p' <<<"$out")
if [ -n "$at" ]; then pass violation-named; else fail violation-named "$out"; fi
grep -aq VIOLATION "$work/x02.pftrace" || fail violation-perfetto "it is not on the timeline"
last=$("$ringside" show "$work/x02.vtrace" | grep -c '^[a-z]*[0-9] [a-z]')
opens page-draws "$work/x02.html"
is page-opens-at-violation "$now" "$(nth "$work/x02.vtrace" "$at")"
browser_value 'document.getElementById("banner").textContent'
if grep -q "^Violation at op $at: notification split.usednotif.5: .* The rule: " <<<"$answer"; then pass page-violation-told; else fail page-violation-told "$answer"; fi
browser_key Home
is page-key-home 'op' 0
for key in ArrowRight ArrowRight ArrowLeft; do browser_key $key; done
is page-keys-step "$now" "$(nth "$work/x02.vtrace" 1)"
browser_key v
is page-key-violation 'op' "$at"
browser_key End
is page-key-end "op + ' ' + document.getElementById('on').disabled" "$last true"
browser_key g
browser_key 3
browser_key 0
browser_key Enter
is page-jump "$now" "$(nth "$work/x02.vtrace" 30)"
browser_value 'shownOps()'
if [ "$answer" = "$("$ringside" show "$work/x02.vtrace" | grep '^[a-z]*[0-9] [a-z]')" ]; then pass page-ops; else fail page-ops "they are not what show prints"; fi
for check in UsedRing Memory AnyOrder Names Contrast; do is page-"$check" "check$check()" ''; done
browser_call Emulation.setEmulatedMedia '{"features":[{"name":"prefers-color-scheme","value":"dark"}]}'
is page-contrast-dark 'checkContrast()' ''
# Both requests are published by one store, which the counts show; taken one by one.
published=$("$ringside" show "$work/x02.vtrace" | grep '^[a-z]*[0-9] [a-z]' | grep -n 'poke gpa=0x10202' | cut -d: -f1)
counts='["avail", "flight", "used"].map((s) => document.querySelector(`[data-count=${s}]`).textContent).join()'
is page-published "go($published), $counts" 2,0,0
taken=$("$ringside" show "$work/x02.vtrace" | grep '^[a-z]*[0-9] [a-z]' | grep -n 'load for=avail_entry' | head -n 1 | cut -d: -f1)
is page-taken "go($taken), $counts" 1,1,0
is page-used "go($last), $counts" 0,0,2

# Whole boots: small enough, and fluid: a step costs about what it costs in a short trace, and does not grow with the trace's.
browser_value 'stepTime()'
short=$answer
for trace in corpus/traces/debian-boot*.vtrace; do
	name=$(basename "$trace" .vtrace)
	"$ringside" export "$trace" --html "$work/$name.html" >/dev/null || fail "page-$name" "it is not written"
	opens "page-$name" "$work/$name.html#op=1000"
	is "page-$name-op" "$now" "$(nth "$trace" 1000)"
	is "page-$name-device" 'checkFilter("blk2", 2, -1)' ''
	is "page-$name-queue" 'checkFilter("blk1 queue 0", 1, 0)' ''
	[ "$(stat -c %s "$work/$name.html")" -lt 8000000 ] || fail "page-$name-size" "$(stat -c %s "$work/$name.html") bytes"
	browser_value 'setFilter("all devices") + stepTime()'
	if [ "$answer" -le $((20 * short + 100)) ]; then pass "page-$name-fluid"; else fail "page-$name-fluid" "$answer ms a step; $short in a short trace"; fi
done
# Nothing is loaded from anywhere.
if grep -oE "(https?:)?//[a-z0-9.]+\.[a-z]+/" "$work/x02.html" | grep -v '^http://www.w3.org/$' | grep -q . || grep -qiE '<(link|script|img)[^>]* (src|href)="[^d]' "$work/x02.html"; then
	fail page-self-contained "$(grep -oE "(https?:)?//[a-z0-9.]+\.[a-z]+/" "$work/x02.html" | sort -u)"
else
	pass page-self-contained
fi
# A trace that this build cannot replay, and one that holds what a page must not take for its own.
sed 's/ram gpa=0xffffa000 len=0xa000/ram gpa=0xffffa000 len=0xa008/; s/build="[^"]*"/build="<\/script><img src=x onerror=alert(1)>"/; s/features=0x[0-9a-f]*/features=0x8000000000000000/' "$work/wrong.txt" >"$work/odd.txt"
"$ringside" assemble "$work/odd.txt" -o "$work/odd.vtrace" || fail assemble-odd "it does not"
exports not-judged 'not judged: device 0 offered features that this build lacks' "$work/odd.vtrace" --html "$work/odd.html"
opens page-odd "$work/odd.html"
is page-odd-told 'document.getElementById("banner").textContent.startsWith("Not judged: ") && document.images.length === 0' true
if [ -z "$browser_exceptions" ]; then pass page-no-exceptions; else fail page-no-exceptions "$browser_exceptions"; fi
browser_stop
exit $failures
