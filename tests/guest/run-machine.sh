# SPDX-License-Identifier: BSD-2-Clause
# Runs the tiny guests of machine.S and checks how the machine is left. For sh and busybox sh, started by tests/boot/machine.sh:
# finds the guests in $IN/guests, ringside-vmm in its PATH, works in $OUT.
set -u
failures=0
pass() { echo "PASS machine-$1"; }
fail() { echo "FAIL machine-$1: $2"; failures=1; }
# expect NAME STATUS OUTPUT-WORDS ERROR-WORDS ARG...: runs ringside-vmm; words: a pattern, empty for "nothing"
expect() {
	name=$1 want=$2 out=$3 err=$4
	shift 4
	timeout 60 ringside-vmm --memory ${memory:-4M} "$@" >out 2>err
	status=$?
	if [ $status != "$want" ]; then
		fail "$name" "status $status instead of $want: $(cat err)"
	elif ! grep -q "$out" out; then
		fail "$name" "the console does not say \"$out\": $(cat out)"
	elif { [ -z "$err" ] && [ -s err ]; } || ! grep -q "$err" err && [ -n "$err" ]; then
		fail "$name" "standard error does not say \"$err\" alone: $(cat err)"
	else
		pass "$name"
	fi
}
g=$IN/guests
exec </dev/null
nl='
console=ttyS0 reboot=acpi panic=-1'
expect poweroff 0 'hello from the guest' '' --kernel "$g/poweroff"
expect cmdline 0 '^some words=1$' '' --kernel "$g/poweroff" --cmdline 'some words=1'
expect reset 0 'hello' '' --kernel "$g/reset"
expect bios-reset 0 'hello' '' --kernel "$g/bios"
expect triple-fault 3 'hello' 'triple fault' --kernel "$g/fault"
expect ports 0 'hello' '' --kernel "$g/ports"
expect devices 0 'hello' '' --kernel "$g/ports" --rng
printf 'the text in the initrd\n' >initrd
expect initrd 0 '^the text in the initrd$' '' --kernel "$g/initrd" --initrd initrd
expect cpus-power-off 0 '^2$' '' --cpus 3 --kernel "$g/smpoff"
expect cpus-reset 0 '^2$' '' --cpus 3 --kernel "$g/smpreset"
expect cpus-triple-fault 3 '^2$' 'triple fault (vCPU [12],' --cpus 3 --kernel "$g/smpfault"
expect cpus-many 0 '^2$' '' --cpus 8 --kernel "$g/smpoff"
expect cpus-never-started 0 'hello' '' --cpus 64 --kernel "$g/poweroff"
memory=5G
expect high-memory 0 'hello' '' --kernel "$g/poweroff"
memory=

# Input of a pipe and of a file, longer than the port's FIFO; what comes after the dot is nobody's.
line=0123456789abcdefghijklmnopqrstuvwxyz
for i in 1 2 3 4; do line=$line$line; done
printf '%s.and more' "$line" >input
expect input-file 0 "^$line.\$" '' --kernel "$g/echo" <input
cat input | expect input-pipe 0 "^$line.\$" '' --kernel "$g/echo"
cat input | expect input-irq 0 "^$line.\$" '' --kernel "$g/echoirq"

rm -f console
timeout 60 ringside-vmm --memory 4M --kernel "$g/poweroff" --console console <&- >&- 2>&-
status=$?
if [ $status = 0 ] && [ "$(cat console)" = "hello from the guest$nl" ]; then
	pass closed-standard-fds
else
	fail closed-standard-fds "status $status, $(cat console)"
fi
rm -f console
timeout 60 ringside-vmm --memory 4M --kernel "$g/poweroff" --console console >out 2>&1
status=$?
if [ $status = 0 ] && [ ! -s out ] && grep -q 'hello from the guest' console; then
	pass console-file
else
	fail console-file "status $status, $(cat out)"
fi

# Signals end the machine in order, wherever the guest is: halted, running, or writing to a pipe that nobody reads.
ended() { # ended NAME SIGNAL STATUS PID
	sleep 1
	kill -"$2" "$4"
	wait "$4"
	status=$?
	if [ $status = "$3" ] && grep -q "ended by SIG$2" err; then
		pass "$1"
	else
		fail "$1" "status $status instead of $3: $(cat err)"
	fi
}
ringside-vmm --memory 4M --kernel "$g/hang" >out 2>err &
ended halted-sigterm TERM 143 $!
ringside-vmm --memory 4M --cpus 4 --kernel "$g/spin" >out 2>err &
ended spinning-sighup HUP 129 $!
ringside-vmm --memory 4M --cpus 2 --kernel "$g/smpoff" >out 2>err & # the second of the others never comes
ended cpus-spinning-sigint INT 130 $!
mkfifo pipe
sleep 60 <>pipe & # holds the pipe open and reads nothing
holder=$!
ringside-vmm --memory 4M --kernel "$g/flood" >pipe 2>err &
ended full-pipe-sigterm TERM 143 $!
kill $holder

# What each thread may still do, and who it is. Three threads: two vCPUs and the loop.
# confined NAME WANT [option]...: WANT: a pattern that each thread's line must fit
confined() {
	name=$1 want=$2
	shift 2
	ringside-vmm --memory 4M --cpus 2 --kernel "$g/spin" "$@" >out 2>err &
	pid=$!
	left=50 fit=
	while [ -z "$fit" ] && [ $left != 0 ]; do # they begin one after the other, on a busy machine long after
		sleep 0.2
		left=$((left - 1))
		for task in /proc/$pid/task/*; do
			awk '/^(Uid|Gid|Groups|NoNewPrivs|Seccomp):/ { $1 = $1; printf "%s; ", $0 }' "$task/status"
			echo "root $(readlink "$task/root")"
		done >tasks
		[ "$(wc -l <tasks)" != 3 ] || grep -vq "$want" tasks || fit=1
	done
	kill -TERM $pid
	wait $pid
	status=$?
	if [ $status = 143 ] && [ -n "$fit" ]; then
		pass "$name"
	else
		fail "$name" "status $status, $(cat tasks err)"
	fi
}
confined sandbox 'Uid: 0 0 0 0; .*NoNewPrivs: 1; Seccomp: 2; root /$'
confined sandbox-off 'NoNewPrivs: 0; Seccomp: 0; root /$' --sandbox off
mkdir jail
confined user 'Uid: 1234 1234 1234 1234; Gid: 4321 4321 4321 4321; Groups:; NoNewPrivs: 1; Seccomp: 2; root .*/jail$' \
	--user 1234:4321 --chroot jail --rng
confined user-without-sandbox 'Uid: 1234 1234 1234 1234; .*Seccomp: 0;' --user 1234:4321 --sandbox off

# Resident memory: what the guest touched lies in the one large mapping; everything else stays small.
ringside-vmm --memory 256M --kernel "$g/hang" >out 2>err &
pid=$!
sleep 1
rss=$(awk '/^[0-9a-f]+-[0-9a-f]+ /{ram = 0} /^Size:/{ram = $2 == 262144} /^Rss:/{if (!ram) sum += $2} END{print sum}' /proc/$pid/smaps)
kill $pid
wait $pid
if [ "$rss" -gt 0 ] && [ "$rss" -lt 8192 ]; then pass "resident: $rss kB beyond guest memory"; else fail resident "$rss kB"; fi
exit $failures
