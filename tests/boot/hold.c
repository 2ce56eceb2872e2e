// SPDX-License-Identifier: BSD-2-Clause
/*
 * Keeps a virtual machine that never runs, for as long as level 1 lives. KVM patches its own code when the first
 * machine comes and the last one goes, and when a vCPU switches its local APIC on while no other one's is off; and
 * QEMU's interpreter now and then goes on with the old code for good, on a processor that was just there (one start
 * in a hundred with several vCPUs). With a machine that stays, whose vCPU's local APIC stays off, nothing is patched.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0) || ioctl(vm, KVM_CREATE_VCPU, 0) < 0) {
		perror("hold");
		return 1;
	}
	if (fork())
		return 0; /* the child keeps it, and what comes after us in the script finds it */
	for (;;)
		pause();
}
