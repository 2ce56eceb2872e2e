# SPDX-License-Identifier: BSD-2-Clause
# Shared by the scripts that run where /dev/kvm boots stock kernels: in level 1 of the nested machine (busybox sh), or on the
# machine itself. $IN holds the files given, $OUT is brought back. Verdicts go to $OUT/results, one line each.
pass() { echo "PASS boot-test/$1" | tee -a "$OUT/results"; }
fail() { echo "FAIL boot-test/$1: $2" | tee -a "$OUT/results"; }
sum() { sha256sum "$1" | cut -d ' ' -f 1; }
size() { stat -c %s "$1"; }
# seconds since the machine started, as 1234 (hundredths): busybox date knows no fractions
now() { cut -d ' ' -f 1 /proc/uptime | tr -d .; }
# earlyprintk: a kernel that panics before it has a console says so, and is not just a triple fault
quiet="console=ttyS0 earlyprintk=ttyS0 panic=-1 quiet"

# vmm CONSOLE CMDLINE [ringside-vmm option]...: boots the stock guest; its console goes to $OUT/CONSOLE and is shown;
# the exit status goes to $vmm_status
vmm() {
	local console=$1 cmdline=$2
	shift 2
	{
		timeout -k 10 150 ringside-vmm --kernel "${KERNEL:-$IN/vmlinuz}" --initrd "$IN/guest.cpio" --memory 256M \
			--cmdline "$quiet $cmdline" "$@" </dev/null 2>&1
		echo $? >"$OUT/$console.status"
	} | tee "$OUT/$console.raw"
	tr -d '\r' <"$OUT/$console.raw" >"$OUT/$console"    # the serial line ends its lines with CR LF
	rm "$OUT/$console.raw"
	vmm_status=$(cat "$OUT/$console.status")
}
