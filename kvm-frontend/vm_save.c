// SPDX-License-Identifier: BSD-2-Clause
#include "vm_save.h"
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "memory_save.h"
#include "saver.h"
#include "savefile.h"
#include "state.h"
#include "vcpu_save.h"
#include "virtio.h"
#include "vmm.h"

#define CHIPS      3
#define SMALL_ROOM 64u /* bytes: machine, serial port, clock */
#define MIB        20

struct vm_save {
	struct saver saver;
	bool stop; /* the machine ends once it is saved */
};

/* While a machine is made from it. */
struct vm_restore {
	struct savefile_in in;
};

/* -- saving ----------------------------------------------------------------------------------------------- */

static uint64_t memory_len(const struct vmm *vmm)
{
	uint64_t len = 0;

	for (uint32_t i = 0; i < vmm->map.nregions; i++)
		len += vmm->map.region[i].len;
	return len;
}

static void put_small(struct vmm *vmm, struct savefile_out *out)
{
	uint8_t bytes[SMALL_ROOM];
	struct state_out o = {bytes, sizeof(bytes), 0};

	state_put_u64(&o, memory_len(vmm));
	state_put_u32(&o, vmm->cpus);
	savefile_put(out, SAVEFILE_MACHINE, 0, bytes, o.len);
	o = (struct state_out){bytes, sizeof(bytes), 0};
	com1_save(&vmm->com1, &o);
	savefile_put(out, SAVEFILE_SERIAL, 0, bytes, o.len);
}

static int put_chips(struct vmm *vmm, struct savefile_out *out, char err[ERR_MAX])
{
	for (uint32_t i = 0; i < CHIPS; i++) {
		struct kvm_irqchip chip = {.chip_id = i};

		if (ioctl(vmm->vm_fd, KVM_GET_IRQCHIP, &chip))
			return err_set(err, "KVM_GET_IRQCHIP: %s", strerror(errno));
		savefile_put(out, SAVEFILE_CHIP, i, &chip, sizeof(chip));
	}
	return 0;
}

static int put_clock(struct vmm *vmm, struct savefile_out *out, char err[ERR_MAX])
{
	struct kvm_clock_data clock;
	uint8_t bytes[SMALL_ROOM];
	struct state_out o = {bytes, sizeof(bytes), 0};

	memset(&clock, 0, sizeof(clock));
	if (ioctl(vmm->vm_fd, KVM_GET_CLOCK, &clock))
		return err_set(err, "KVM_GET_CLOCK: %s", strerror(errno));
	state_put_u64(&o, clock.clock);
	savefile_put(out, SAVEFILE_CLOCK, 0, bytes, o.len);
	return 0;
}

/* The machine stands still. */
static int put_all(struct vmm *vmm, struct savefile_out *out, char err[ERR_MAX])
{
	put_small(vmm, out);
	if (virtio_save(vmm, out, err) || memory_save(&vmm->map, out, err))
		return -1;
	for (unsigned i = 0; i < vmm->cpus; i++)
		if (vcpu_save(&vmm->vcpu[i], out, err))
			return -1;
	return put_chips(vmm, out, err) || put_clock(vmm, out, err) ? -1 : 0;
}

static int write_file(struct vmm *vmm, int fd, uint64_t *len, char err[ERR_MAX])
{
	struct savefile_out *out = savefile_begin(fd);
	int rc, error;

	if (!out)
		return err_set(err, "out of memory");
	rc = put_all(vmm, out, err);
	error = savefile_finish(out, len);
	if (!rc && error)
		rc = err_set(err, "%.200s: %s", vmm->save->saver.path, strerror(error));
	return rc;
}

static int save(struct vmm *vmm, uint64_t *len, char err[ERR_MAX])
{
	struct saver *saver = &vmm->save->saver;
	int fd = saver_begin(saver, err), rc;

	if (fd < 0)
		return -1;
	rc = write_file(vmm, fd, len, err);
	close(fd);
	if (!rc)
		return saver_commit(saver, err);
	saver_abandon(saver);
	return rc;
}

static int save_paused(struct vmm *vmm, uint64_t *len, char err[ERR_MAX])
{
	int rc;

	if (vcpus_pause(vmm->vcpu, vmm->cpus, err))
		return -1;
	virtio_hold(vmm);
	rc = save(vmm, len, err);
	virtio_release(vmm);
	if (!rc && vmm->save->stop)
		vmm_end(vmm, VMM_QUIT, NULL); /* before an instruction follows */
	for (unsigned i = 0; i < vmm->cpus; i++)
		vcpu_was_paused(&vmm->vcpu[i]);
	vcpus_resume(vmm->vcpu);
	return rc;
}

void vm_save_now(struct vmm *vmm)
{
	char err[ERR_MAX];
	uint64_t len = 0;

	if (!vmm->save)
		fprintf(stderr,
			"ringside-vmm: SIGUSR1 saves the machine where --save-on SIGUSR1=FILE was given\n");
	else if (save_paused(vmm, &len, err))
		fprintf(stderr, "ringside-vmm: the machine is not saved, and goes on: %s\n", err);
	else
		fprintf(stderr, "ringside-vmm: saved to %s, %llu KiB; the machine %s\n",
			vmm->save->saver.path, (unsigned long long)len >> 10,
			vmm->save->stop ? "ends" : "goes on");
}

/* -- restoring -------------------------------------------------------------------------------------------- */

static int check_size(const struct options *o, const struct savefile_in *in, uint64_t len, uint32_t cpus,
		      char err[ERR_MAX])
{
	if (o->memory_len && o->memory_len != len)
		return err_set(
			err, "--restore: %.120s: the machine has %lluM of memory, and --memory says %lluM",
			in->path, (unsigned long long)len >> MIB, (unsigned long long)o->memory_len >> MIB);
	if (o->cpus && o->cpus != cpus)
		return err_set(err, "--restore: %.120s: the machine has %u vCPUs, and --cpus says %u",
			       in->path, cpus, o->cpus);
	return 0;
}

static int open_snapshot(struct vmm *vmm, const struct options *o, uint64_t *len, char err[ERR_MAX])
{
	struct savefile_in *in;
	struct state_in s;
	uint32_t cpus;

	vmm->restore = calloc(1, sizeof(*vmm->restore));
	if (!vmm->restore)
		return err_set(err, "out of memory");
	in = &vmm->restore->in;
	if (savefile_open(in, o->restore, err) || savefile_next(in, err))
		return -1;
	s = (struct state_in){.buf = in->bytes, .len = in->len};
	*len = state_get_u64(&s);
	cpus = state_get_u32(&s);
	if (in->part != SAVEFILE_MACHINE || !state_close(&s) || !options_memory_fits(*len) || cpus < 1 ||
	    cpus > LAYOUT_CPUS_MAX)
		return savefile_damaged(in, "it does not begin with a machine's size", err);
	vmm->cpus = cpus;
	return check_size(o, in, *len, cpus, err);
}

static int restore_serial(struct vmm *vmm, struct savefile_in *in, char err[ERR_MAX])
{
	struct state_in s;

	if (savefile_next(in, err))
		return -1;
	s = (struct state_in){.buf = in->bytes, .len = in->len};
	if (in->part != SAVEFILE_SERIAL || !com1_load(&vmm->com1, &s) || !state_close(&s))
		return savefile_damaged(in, "the serial port's part is not right", err);
	return 0;
}

static int restore_chips(struct vmm *vmm, struct savefile_in *in, char err[ERR_MAX])
{
	struct kvm_irqchip chip;

	for (uint32_t i = 0; i < CHIPS; i++) {
		if (in->part != SAVEFILE_CHIP || in->len != sizeof(chip))
			return savefile_damaged(in, "an interrupt controller is missing", err);
		memcpy(&chip, in->bytes, sizeof(chip));
		if (chip.chip_id != i)
			return savefile_damaged(in, "an interrupt controller is another one", err);
		if (ioctl(vmm->vm_fd, KVM_SET_IRQCHIP, &chip))
			return err_set(err, "--restore: KVM_SET_IRQCHIP: %s", strerror(errno));
		if (savefile_next(in, err))
			return -1;
	}
	return 0;
}

static int restore_clock(struct vmm *vmm, struct savefile_in *in, char err[ERR_MAX])
{
	struct state_in s = {.buf = in->bytes, .len = in->len};
	struct kvm_clock_data clock;

	memset(&clock, 0, sizeof(clock));
	clock.clock = state_get_u64(&s);
	if (in->part != SAVEFILE_CLOCK || !state_close(&s))
		return savefile_damaged(in, "the clock is missing", err);
	if (ioctl(vmm->vm_fd, KVM_SET_CLOCK, &clock))
		return err_set(err, "--restore: KVM_SET_CLOCK: %s", strerror(errno));
	return savefile_next(in, err);
}

static int restore_all(struct vmm *vmm, struct savefile_in *in, char err[ERR_MAX])
{
	if (restore_serial(vmm, in, err) || savefile_next(in, err) || virtio_restore(vmm, in, err) ||
	    memory_restore(&vmm->map, in, err))
		return -1;
	for (unsigned i = 0; i < vmm->cpus; i++)
		if (vcpu_restore(&vmm->vcpu[i], in, err))
			return -1;
	if (restore_chips(vmm, in, err) || restore_clock(vmm, in, err))
		return -1;
	return in->part == SAVEFILE_END ? 0 : savefile_damaged(in, "it has more parts than it should", err);
}

static void close_snapshot(struct vmm *vmm)
{
	if (vmm->restore)
		savefile_close(&vmm->restore->in);
	free(vmm->restore);
	vmm->restore = NULL;
}

int vm_restore(struct vmm *vmm, char err[ERR_MAX])
{
	if (restore_all(vmm, &vmm->restore->in, err))
		return -1;
	close_snapshot(vmm);
	for (unsigned i = 0; i < vmm->cpus; i++)
		vcpu_was_paused(&vmm->vcpu[i]);
	return virtio_resume(vmm, err);
}

/* -- life ------------------------------------------------------------------------------------------------- */

int vm_save_prepare(struct vmm *vmm, const struct options *o, uint64_t *memory, char err[ERR_MAX])
{
	*memory = o->memory_len;
	if (o->save[0]) {
		vmm->save = calloc(1, sizeof(*vmm->save));
		if (!vmm->save)
			return err_set(err, "out of memory");
		vmm->save->saver.socket = -1;
		vmm->save->stop = o->save_stop;
		if (saver_start(&vmm->save->saver, "--save-on", o->save, &vmm->privilege, !o->no_sandbox,
				err))
			return -1;
	}
	return o->restore ? open_snapshot(vmm, o, memory, err) : 0;
}

void vm_save_destroy(struct vmm *vmm)
{
	if (vmm->save)
		saver_stop(&vmm->save->saver);
	free(vmm->save);
	vmm->save = NULL;
	close_snapshot(vmm);
}
