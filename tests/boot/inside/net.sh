# SPDX-License-Identifier: BSD-2-Clause
# The stock guest on the network, three times: DHCP and HTTP by user networking, ping and TCP through a tap, the cable pulled and put in
# again. All of it in a network namespace made here. On packed rings; on split rings without mergeable buffers; and with two vCPUs and
# two pairs of queues.
if [ -z "${RINGSIDE_NAMESPACE:-}" ]; then
	as=-n
	[ "$(id -u)" = 0 ] || as=-Urn
	export RINGSIDE_NAMESPACE=1
	exec unshare $as sh "$IN/script.sh" "$@"
fi
. "$IN/lib.sh"
ifconfig lo 127.0.0.1 up || { fail net "no network namespace to be had"; exit 1; }
mib=1048576
port=2222
tag=$(head -c 8 /dev/urandom | od -An -t x1 | tr -d ' \n')

mkdir -p "$TMPDIR/www"
busybox httpd -p 127.0.0.1:8080 -h "$TMPDIR/www"

# shows the console, and does what the guest asks for on it
answer() {
	local line tries heard=
	while read -r line; do
		line=$(echo "$line" | tr -d '\r')
		echo "$line"
		case $line in
		'RINGSIDE-ASK hostfwd')
			tries=0
			while [ -z "$heard" ] && [ $tries -lt 30 ]; do
				heard=$(echo "the host says $tag" | nc -w 2 127.0.0.1 $port)
				tries=$((tries + 1))
			done
			echo "$heard" >"$OUT/$1.heard" ;;
		'RINGSIDE-ASK link'*) wire control "$TMPDIR/control" ${line#RINGSIDE-ASK } ;;
		esac
	done
}

# boot NAME CPUS RINGS MRG FILE-BYTES TCP-BYTES [option]...
boot() {
	local name=$1 cpus=$2 rings=$3 mrg=$4 file=$5 bytes=$6 on=on off= n served
	shift 6
	[ "$rings" = packed ] || off=,packed=off
	[ "$mrg" = 1 ] || on=off
	head -c "$file" /dev/urandom >"$TMPDIR/www/file"
	wire tap tap0 multi
	ifconfig tap0 10.9.0.1 netmask 255.255.255.0 up
	wire serve 5000 3 >"$OUT/$name.served" 2>&1 &
	served=$!
	vmm "$name.console" "ringside.mode=net ringside.tag=$tag ringside.rings=$rings ringside.mrg=$mrg ringside.cpus=$cpus \
ringside.bytes=$bytes ringside.http=$(sum "$TMPDIR/www/file")" --cpus "$cpus" --control "$TMPDIR/control" \
		--net "user,hostfwd=tcp:$port-22,mrg_rxbuf=$on$off" --net "tap:tap0,mac=52:54:00:12:34:56,mrg_rxbuf=$on$off" \
		--record "$OUT/$name.vtrace" --record-payload hash "$@" | answer "$name"
	vmm_status=$(cat "$OUT/$name.console.status")
	kill $served 2>/dev/null
	wait $served 2>/dev/null
	if [ "$vmm_status" = 0 ]; then pass "$name-exit-status"; else fail "$name-exit-status" "ringside-vmm ended with $vmm_status"; fi
	for n in net-features dhcp http hostfwd ping tcp-send tcp-receive cable; do
		if grep -q "^RINGSIDE-OK $n\$" "$OUT/$name.console"; then
			pass "$name-guest-$n"
		else
			fail "$name-guest-$n" "$(grep "RINGSIDE-FAIL $n:" "$OUT/$name.console" || echo 'the guest did not get there')"
		fi
	done
	if [ "$(cat "$OUT/$name.heard" 2>/dev/null)" = "the guest says $tag" ]; then
		pass "$name-forwarded"
	else
		fail "$name-forwarded" "port $port of the host heard: $(cat "$OUT/$name.heard" 2>&1)"
	fi
	if [ -S "$TMPDIR/control" ]; then fail "$name-control-gone" "the control socket is left"; else pass "$name-control-gone"; fi
}

boot net-packed 1 packed 1 $((4 * mib)) $((64 * mib))
boot net-split 1 split 0 $mib $((8 * mib))
boot net-queues 2 packed 1 $mib $((4 * mib))

# Mistakes are told in one line, before a guest starts.
refused() {
	local name=$1 word=$2 status=0
	shift 2
	timeout 20 ringside-vmm --kernel "$IN/vmlinuz" "$@" >"$OUT/refused" 2>&1 </dev/null || status=$?
	if [ $status = 2 ] && [ "$(wc -l <"$OUT/refused")" = 1 ] && grep -q "$word" "$OUT/refused"; then
		pass "net-refuses-$name"
	else
		fail "net-refuses-$name" "status $status: $(cat "$OUT/refused")"
	fi
}
refused no-such-tap 'there is no such interface' --net tap:none
refused no-tap 'no tap interface' --net tap:lo
refused port-in-use 'Address already in use' --net user,hostfwd=tcp:8080-80
wire tap tap1
ifconfig tap1 up
refused two-on-one-tap 'another program has it open' --net tap:tap1 --net tap:tap1
refused control-in-the-way 'take another path' --control "$IN/vmlinuz"
