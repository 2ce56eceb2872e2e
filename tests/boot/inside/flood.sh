# SPDX-License-Identifier: BSD-2-Clause
# The stock guest loads 256 MiB by HTTP over user networking while it writes 8 MiB to hvc0; the cable is pulled and put in all the
# while, and the terminal is stopped for ten seconds. What comes must be what went, and the VMM's memory stay as it is.
. "$IN/lib.sh"
ifconfig lo 127.0.0.1 up 2>/dev/null
mib=${1:-256}
mkdir -p "$TMPDIR/www"
head -c $((mib * 1048576)) /dev/urandom >"$TMPDIR/www/file"
busybox httpd -p 127.0.0.1:8080 -h "$TMPDIR/www"
# each line of 64 bytes is numbered; what is typed comes back as an echo, so what is expected never stands in it as such
lines() { yes 01234567890123456789012345678901234567890123456789012345 | head -n 131072 | nl -w 6; }
cat >"$TMPDIR/session" <<END
wait 90
expect hvc0#
wait 60
type for m in failover net_failover virtio_net; do insmod /modules/*-\$m.ko; done; ifconfig eth0 10.0.2.15 && route add default gw 10.0.2.2 && echo net""work
expect network
type stty -echo -opost; (wget -qO- http://10.0.2.2:8080/file | sha256sum >/tmp/sum) &
type yes 01234567890123456789012345678901234567890123456789012345 | head -n 131072 | nl -w 6 >/tmp/lines; wc -c </tmp/lines
wait 200
expect 8388608
memory
type echo BE""GIN; cat /tmp/lines; echo E""ND
expect BEGIN
stop 10
memory
wait 900
expect END
memory
type wait; echo "the sum is \$(cut -c 1-64 /tmp/sum)"
expect the sum is $(sum "$TMPDIR/www/file")
memory
wait 60
type exit
end
END
flap() {
	sleep 20
	while [ -S "$TMPDIR/control" ]; do
		wire control "$TMPDIR/control" link net0 down && echo down >>"$OUT/flaps"
		sleep 1
		wire control "$TMPDIR/control" link net0 up
		sleep 4
	done
}
begun=$(now)
flap >/dev/null 2>&1 &
status=0
timeout -s KILL 1400 drive "$TMPDIR/session" ringside-vmm --kernel "$IN/vmlinuz" --initrd "$IN/guest.cpio" --memory 256M \
	--cmdline "$quiet ringside.mode=console" --net user --control "$TMPDIR/control" --console hvc:stdio \
	--console "serial:$OUT/flood.serial" --port "talk=unix:$TMPDIR/talk" --port "log=file:$TMPDIR/log" \
	>"$OUT/flood.raw" 2>"$OUT/flood.why" || status=$?
tr -d '\r' <"$OUT/flood.raw" | sed -n '/BEGIN$/,/^END/p' | grep -v 'BEGIN$\|^END\|^drive: memory\|^$' >"$TMPDIR/got"
tr -d '\r' <"$OUT/flood.raw" | grep -v '^ *[0-9]*	01234' | tail -n 60 >"$OUT/flood.console"
if [ $status = 0 ]; then
	pass flood-session
else
	fail flood-session "status $status: $(cat "$OUT/flood.why")"
	{ echo "--- the serial port said:"; tail -n 20 "$OUT/flood.serial"; } >>"$OUT/flood.console"
fi
lines >"$TMPDIR/want"
if cmp "$TMPDIR/want" "$TMPDIR/got" >"$OUT/cmp" 2>&1; then pass flood-console-whole; else fail flood-console-whole "$(cat "$OUT/cmp")"; fi
sed -n 's/^drive: memory \([0-9]*\) kB.*/\1/p' "$OUT/flood.raw" >"$OUT/memory"
most=$(sort -n "$OUT/memory" | tail -n 1) least=$(sort -n "$OUT/memory" | head -n 1)
echo "flood: $mib MiB by HTTP, 8 MiB on hvc0, $(($(now) - begun)) hundredths of a second, the cable pulled $(wc -l <"$OUT/flaps") times; the VMM held $least to $most kB of its own" | tee "$OUT/told"
if [ -n "$least" ] && [ $((most - least)) -lt 2048 ]; then pass flood-memory; else fail flood-memory "$(tr '\n' ' ' <"$OUT/memory")"; fi
if [ "$(wc -l <"$OUT/flaps")" -ge 5 ]; then pass flood-flaps; else fail flood-flaps "the cable was pulled $(wc -l <"$OUT/flaps") times"; fi
rm -f "$OUT/flood.raw"
