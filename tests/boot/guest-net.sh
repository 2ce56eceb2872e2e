# SPDX-License-Identifier: BSD-2-Clause
# ringside.mode=net: what the stock guest does on the network; read by guest-init.sh. eth0 is user networking, eth1 a tap whose other
# end is 10.9.0.1, where `wire serve 5000` listens.
#   ringside.http=SHA     of http://10.0.2.2:8080/file      ringside.bytes=N   to send and to receive by TCP through the tap
#   ringside.mrg=0|1      whether MRG_RXBUF must be agreed on
# ringside.mode=netbench: TCP through a tap, eth0, as fast as it goes; `wire serve 5000` at 10.9.0.1 takes the time.
http= bytes=1048576 mrg=1
for word in $(cat /proc/cmdline); do
	case $word in
	ringside.http=*) http=${word#*=} ;;
	ringside.bytes=*) bytes=${word#*=} ;;
	ringside.mrg=*) mrg=${word#*=} ;;
	esac
done
net=/sys/class/net

# asks whoever reads the console for something, and waits up to ten seconds until COMMAND succeeds
await() {
	echo "RINGSIDE-ASK $1"
	shift
	n=0
	until "$@"; do n=$((n + 1)); [ $n -lt 200 ] || fail "$* does not come true"; usleep 50000; done
}
cable() { [ "$(cat $net/eth1/carrier)" = "$1" ]; }

if [ "$mode" = netbench ]; then
	name='netbench-device'
	present $net/eth0
	run ifconfig eth0 10.9.0.2 up
	for how in send receive; do
		wire $how 10.9.0.1 5000 5000ms || fail "$how"
	done
	echo RINGSIDE-NETBENCH-DONE
	off poweroff
fi

# a digit for each feature bit: 15 is MRG_RXBUF, 34 RING_PACKED
name='net-features'
present $net/eth0
present $net/eth1
for card in eth0 eth1; do
	f=$net/$card/device/features
	[ "$(cut -c 16 $f)" = "$mrg" ] || fail "$card: $(cat $f): MRG_RXBUF is not $mrg"
	case $rings in packed) want=1 ;; *) want=0 ;; esac
	[ "$(cut -c 35 $f)" = $want ] || fail "$card: $(cat $f): its rings are not $rings"
done
[ "$(cat $net/eth0/address)" = 52:54:00:00:00:01 ] || fail "eth0 is $(cat $net/eth0/address)"
[ "$(cat $net/eth1/address)" = 52:54:00:12:34:56 ] || fail "eth1 is $(cat $net/eth1/address)"
[ "$(ls -d $net/eth1/queues/rx-* | wc -l)" = "$cpus" ] || fail "eth1 has not $cpus pairs of queues"
ok

name=dhcp
cat >/lease.sh <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ifconfig $interface $ip netmask $subnet up
route add default gw $router
echo "$ip $router $dns" >/tmp/lease
END
chmod 755 /lease.sh
run ifconfig lo 127.0.0.1 up
run ifconfig eth0 up
run udhcpc -i eth0 -n -q -f -t 20 -T 1 -s /lease.sh
[ "$(cat /tmp/lease)" = '10.0.2.15 10.0.2.2 10.0.2.3' ] || fail "the lease is: $(cat /tmp/lease)"
ok

name=http
run wget -q -O /tmp/file http://10.0.2.2:8080/file
[ "$(sum /tmp/file)" = "$http" ] || fail "SHA-256 is $(sum /tmp/file), expected $http"
rm /tmp/file
ok

# whoever connects to port 2222 of the host comes here
name=hostfwd
echo "the guest says $tag" >/tmp/words
nc -l -p 22 </tmp/words >/tmp/heard &
await hostfwd [ -s /tmp/heard ]
[ "$(cat /tmp/heard)" = "the host says $tag" ] || fail "the host said $(cat /tmp/heard)"
kill $! 2>/dev/null
ok

name=ping
run ifconfig eth1 10.9.0.2 netmask 255.255.255.0 up
run ping -c 3 -i 0.2 -w 10 10.9.0.1
run ping -c 2 -i 0.2 -w 10 -s 20000 10.9.0.1
ok

name=tcp-send
run wire send 10.9.0.1 5000 "$bytes"
cat /tmp/log
ok
name=tcp-receive
run wire receive 10.9.0.1 5000 "$bytes"
cat /tmp/log
ok

name=cable
cable 1 || fail "eth1 has no carrier"
await 'link net1 down' cable 0
ping -c 1 -w 1 10.9.0.1 >/dev/null 2>&1 && fail "the host can be reached without a cable"
await 'link net1 up' cable 1
run ping -c 1 -w 10 10.9.0.1
run wire send 10.9.0.1 5000 65536
ok

echo RINGSIDE-BOOT-OK
off "$end"
