# SPDX-License-Identifier: BSD-2-Clause
# What ringside-vmm says of disks and traces that it cannot use, and what it does when a trace cannot go on. For sh and busybox
# sh, started by tests/boot/machine.sh: tiny guests in $IN/guests, ringside-vmm in the PATH, works in $OUT.
set -u
failures=0
pass() { echo "PASS files-$1"; }
fail() { echo "FAIL files-$1: $2"; failures=1; }
exec </dev/null
cd "$OUT" || exit 1
vmm() { ringside-vmm --memory 4M "$@"; }

# refused NAME WORDS ARG...: one line, nothing started, status 2
refused() {
	name=$1 words=$2
	shift 2
	timeout 60 ringside-vmm --memory 4M --kernel "$IN/guests/poweroff" "$@" >out 2>err
	status=$?
	if [ $status = 2 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -qe "$words" err; then
		pass "$name"
	else
		fail "$name" "status $status, \"$(cat err)\" instead of one line with \"$words\""
	fi
}
# begun FILE: a machine has made its trace, so it holds its disks
begun() { ticks=0; until [ -s "$1" ] || [ $ticks -gt 100 ]; do sleep 0.1; ticks=$((ticks + 1)); done; }

truncate -s 1M good other
truncate -s 513 odd
: >empty
mkdir -p folder
mkfifo pipe
ln -s good link
refused disk-missing 'none: no such file' --disk none
refused disk-below-a-file 'good/x: Not a directory' --disk good/x
refused disk-directory 'folder: is a directory' --disk folder
refused disk-pipe 'pipe: is no file' --disk pipe
refused disk-character-device 'null: is no file' --disk /dev/null
refused disk-empty 'empty: is empty' --disk empty
refused disk-odd '513 bytes, is no multiple of 512' --disk odd
refused disk-second-bad 'odd: ' --disk good --disk odd
refused disk-twice 'good: is locked' --disk good --disk good
refused disk-twice-by-link 'link: is locked' --disk good,ro --disk link
refused record-nowhere 'none/x: cannot be created' --record none/x
refused record-directory 'folder: cannot be created' --record folder
refused record-device 'no regular file' --record /dev/full
refused record-on-disk 'good: is in use' --disk good --record good
refused record-limit-tiny '--record-limit' --record trace --record-limit 20
# shellcheck disable=SC2046
refused record-devices 'room for 16 devices' --record trace $(i=0; while [ $i -lt 17 ]; do echo --disk other,ro; i=$((i + 1)); done)
if [ "$(stat -c %s good)" = 1048576 ]; then pass record-spares-the-disk; else fail record-spares-the-disk "good has $(stat -c %s good) bytes"; fi

# While a machine runs: its disk is its own, its read-only disk is for readers, its trace is its own. SIGTERM ends it in order.
ringside-vmm --memory 4M --kernel "$IN/guests/spin" --disk good --disk other,ro --record running.vtrace >held.out 2>held.err &
pid=$!
begun running.vtrace
refused disk-locked 'good: is locked' --disk good
refused disk-locked-reader 'good: is locked' --disk good,ro
refused disk-shared-writer 'other: is locked' --disk other
refused record-twice 'running.vtrace: is in use' --record running.vtrace
if vmm --kernel "$IN/guests/poweroff" --disk other,ro >out 2>err; then pass disk-shared; else fail disk-shared "$(cat err)"; fi
kill -TERM $pid
wait $pid
status=$?
if [ $status = 143 ]; then pass sigterm; else fail sigterm "status $status"; fi
if vmm --kernel "$IN/guests/poweroff" --disk good >out 2>err; then pass disk-free-again; else fail disk-free-again "$(cat err)"; fi

# The file may not grow (as on a full disk): recording ends with a warning, the guest runs to its end.
truncate -s 1M tiny.img
(
	ulimit -f 16 # blocks of 512 bytes, or of 1024
	timeout 240 ringside-vmm --kernel "$IN/tiny.elf" --memory 64M --disk tiny.img --disk other,ro --rng \
		--cmdline "sectors=2048 ro_sectors=2048 grown=2048" --record full.vtrace 2>full.err
	echo "status $?"
) | cat >full.out
if grep -q '^end' full.out && grep -q '^status 0$' full.out; then pass full-guest-goes-on; else fail full-guest-goes-on "$(tail -n 2 full.out)"; fi
if [ "$(grep -c 'warning: recording to full.vtrace ends here: File too large' full.err)" = 1 ]; then
	pass full-warning
else
	fail full-warning "$(tail -n 3 full.err)"
fi
rm -f pipe
exit $failures
