# SPDX-License-Identifier: BSD-2-Clause
# The stock guest's console: a script types at a shell on hvc0, which is standard input and output of ringside-vmm, on a terminal
# whose size changes; and named ports, one of them both ways. What does not come is told by drive, long before any time-out.
. "$IN/lib.sh"
cat >"$TMPDIR/session" <<END
wait 90
size 100 40
expect hvc0#
wait 25
type stty size
expect 40 100
size 132 50
type sleep 1; stty size
expect 50 132
port $TMPDIR/talk hello
expect port: the guest heard hello
port $TMPDIR/talk once more
expect port: the guest heard once more
port $TMPDIR/control port talk remove
expect port: ok
type cat /sys/class/virtio-ports/*/name
expect log
port $TMPDIR/control port talk remove
expect port: error: port talk is gone already
port $TMPDIR/control port talk add
expect port: ok
port $TMPDIR/talk again
expect port: the guest heard again
key 01
key 3f
expect Ctrl-A x ends
type exit
end
END
# session NAME SCRIPT [option]...
session() {
	local name=$1 script=$2 status=0
	shift 2
	rm -f "$TMPDIR/log"
	timeout -s KILL 260 drive "$script" ringside-vmm --kernel "$IN/vmlinuz" --initrd "$IN/guest.cpio" --memory 256M \
		--cmdline "$quiet ringside.mode=console" --console hvc:stdio --console "serial:$OUT/$name.serial" \
		--port "talk=unix:$TMPDIR/talk" --port "log=file:$TMPDIR/log" --control "$TMPDIR/control" "$@" >"$OUT/$name.raw" 2>"$OUT/$name.why" || status=$?
	tr -d '\r' <"$OUT/$name.raw" >"$OUT/$name.console"
	tail -n 30 "$OUT/$name.serial"
	if [ $status = 0 ]; then
		pass "$name"
	else
		fail "$name" "status $status: $(cat "$OUT/$name.why")"
		{ echo "--- the serial port said:"; tail -n 20 "$OUT/$name.serial"; } >>"$OUT/$name.console"
	fi
	if [ "$(cat "$TMPDIR/log")" = "the guest was here" ]; then pass "$name-file"; else fail "$name-file" "$(cat "$TMPDIR/log")"; fi
	if [ -e "$TMPDIR/talk" ]; then fail "$name-socket-gone" "the socket is left"; else pass "$name-socket-gone"; fi
}
session console-shell "$TMPDIR/session" --record "$OUT/console.vtrace"
