# SPDX-License-Identifier: BSD-2-Clause
# The Debian's session: a script logs in on hvc0, which is standard input and output of ringside-vmm, and looks around.
. "$IN/lib.sh"
ifconfig lo 127.0.0.1 up 2>/dev/null
mkdir -p "$TMPDIR/www"
head -c 8388608 /dev/urandom >"$TMPDIR/www/file"
busybox httpd -p 127.0.0.1:8080 -h "$TMPDIR/www"
# what is typed comes back as an echo; so what is expected never stands in it as such
cat >"$TMPDIR/session" <<END
size 120 40
wait 1500
expect ringside login:
wait 300
type root
expect Password:
type ringside
expect root@ringside
type echo "state: \$(systemctl is-system-running --wait)"
expect state: running
type echo "failed units: \$(systemctl list-units --failed --no-legend | wc -l)"
expect failed units: 0
type ip -4 -brief address
expect 10.0.2.15/24
type wget -qO- http://10.0.2.2:8080/file | sha256sum
expect $(sum "$TMPDIR/www/file")
type findmnt -no SOURCE,FSTYPE /; echo "size: \$(stty size)"
expect size: 40 120
type systemctl poweroff
end
END
status=0
timeout 2300 drive "$TMPDIR/session" ringside-vmm --kernel "$IN/vmlinuz" --initrd "$IN/initrd.img" --memory 512M --rng \
	--cmdline "root=/dev/vda ro quiet console=ttyS0" --disk "$IN/root.img" --net user --console hvc:stdio \
	--console "serial:$OUT/debian.serial" --record "$OUT/debian.vtrace" --record-payload hash \
	>"$OUT/debian.raw" 2>"$OUT/debian.why" || status=$?
tr -d '\r' <"$OUT/debian.raw" >"$OUT/debian.console"
if [ $status = 0 ]; then
	pass debian-session
else
	fail debian-session "status $status: $(cat "$OUT/debian.why")"
	{ echo "--- the serial port said:"; tail -n 20 "$OUT/debian.serial"; } >>"$OUT/debian.console"
fi
if e2fsck -fn "$IN/root.img" >"$OUT/fsck" 2>&1; then pass debian-disk-clean; else fail debian-disk-clean "$(tail -n 3 "$OUT/fsck")"; fi
