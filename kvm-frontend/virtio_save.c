// SPDX-License-Identifier: BSD-2-Clause
/*
 * One device's part of a snapshot: which type it is, its name, what its backend is (so that a person is told what is
 * another one now), and the core's own bytes with the device's registers (mmio_save).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "virtio_dev.h"

#define TEXT_LEN 64u /* bytes of a name, or of what a backend is */

struct identity {
	uint16_t type;
	char name[TEXT_LEN], what[TEXT_LEN];
};

static struct identity identity_of(struct virtio_dev *d)
{
	struct identity i;

	memset(&i, 0, sizeof(i));
	i.type = d->type->id;
	snprintf(i.name, sizeof(i.name), "%s", d->name);
	if (d->type->describe)
		d->type->describe(d, i.what, sizeof(i.what));
	return i;
}

int virtio_dev_save(struct virtio_dev *d, struct savefile_out *out, uint32_t nr, char err[ERR_MAX])
{
	const struct identity id = identity_of(d);
	uint8_t *bytes = malloc(sizeof(id) + STATE_LEN_MAX);
	struct state_out o = {bytes, sizeof(id), 0};
	size_t len;

	if (!bytes)
		return err_set(err, "out of memory");
	state_put_u16(&o, id.type);
	state_put(&o, id.name, sizeof(id.name));
	state_put(&o, id.what, sizeof(id.what));
	len = mmio_save(&d->mmio, bytes + o.len, STATE_LEN_MAX);
	if (len <= STATE_LEN_MAX)
		savefile_put(out, SAVEFILE_DEVICE, nr, bytes, o.len + len);
	free(bytes);
	return len <= STATE_LEN_MAX ? 0 : err_set(err, "%s has more to save than there is room for", d->name);
}

/* NULL-terminated, whatever stands in the file, and nothing that a terminal would take for a command. */
static void get_text(struct state_in *in, char out[TEXT_LEN])
{
	state_get(in, out, TEXT_LEN);
	out[TEXT_LEN - 1] = 0;
	for (char *p = out; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static int compare(const struct savefile_in *in, const struct identity *saved, const struct identity *here,
		   char err[ERR_MAX])
{
	if (saved->type != here->type || strcmp(saved->name, here->name) != 0)
		return err_set(
			err,
			"--restore: %.60s: device %u of the machine is %s, and the options say %s; give the "
			"same devices",
			in->path, in->index, saved->name, here->name);
	if (strcmp(saved->what, here->what) != 0)
		return err_set(err, "--restore: %.60s: %s had %s when it was saved, and has %s now", in->path,
			       saved->name, saved->what, here->what);
	return 0;
}

int virtio_dev_load(struct virtio_dev *d, const struct savefile_in *in, char err[ERR_MAX])
{
	struct state_in s = {.buf = in->bytes, .len = in->len};
	const struct identity here = identity_of(d);
	struct identity saved = {.type = state_get_u16(&s)};

	get_text(&s, saved.name);
	get_text(&s, saved.what);
	if (s.bad)
		return savefile_damaged(in, "a device's part is not whole", err);
	if (compare(in, &saved, &here, err))
		return -1;
	if (!mmio_load(&d->mmio, in->bytes + s.at, in->len - s.at))
		return err_set(
			err,
			"--restore: %.100s: %s was made with other features, queues or sizes, or by another "
			"build; give the same options as then",
			in->path, d->name);
	return 0;
}

/* Nothing passed the device's doors while it was loaded: this is the first that is recorded of it. */
static int record_state(struct virtio_dev *d)
{
	uint8_t *bytes = malloc(STATE_LEN_MAX);

	if (!bytes)
		return -1;
	recorder_restored(&d->rec, bytes, (uint32_t)mmio_save(&d->mmio, bytes, STATE_LEN_MAX));
	free(bytes);
	return 0;
}

/*
 * On their way between KVM and the device, and so in no snapshot: a kick that nobody had looked at, the device's own
 * wish to run again, and an interrupt (KVM takes an irqfd's signal now, and raises the interrupt some time later). So
 * every queue is looked at, and a device whose interrupt status is not clear interrupts once more; both are harmless.
 */
int virtio_dev_resume(struct virtio_dev *d, char err[ERR_MAX])
{
	virtio_dev_enter(d);
	if (d->record && record_state(d)) {
		virtio_dev_leave(d);
		return err_set(err, "--record: out of memory");
	}
	vdev_resume(d->vdev);
	if (d->type->resumed)
		d->type->resumed(d);
	virtio_kick_follow(d);
	d->irq_due |= vdev_isr(d->vdev) != 0;
	virtio_dev_leave(d);
	for (uint16_t i = 0; i < d->vdev->nqueues; i++)
		virtio_kick_signal(&d->kick[i]);
	return 0;
}
