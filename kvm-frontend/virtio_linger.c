// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest with many requests in flight posts them one by one, and a kick and an interrupt for each cost it
 * more than the request does. So, where a ring has been emptied and an interrupt is due, the interrupt waits
 * for what may come next, with kicks still off: twice as long as the last request took us, where waiting has
 * lately found something; now and then we try whether it does. A guest with one request in flight has nothing
 * more to post, and pays only for the tries.
 */
#include "virtio_dev.h"

#define REQUESTS_MAX 32 /* that one interrupt waits for */
#define PATIENCE     2  /* times what the last request took */
#define PATIENCE_NS \
	100000       /* and no longer, whatever it took: we hold the device's lock, and the loop may be us */
#define TRY_EVERY 32 /* kicks */
#define HOPES     8  /* kicks of one request in a row, after which waiting is not worth it */

void virtio_linger_begin(struct virtio_dev *d)
{
	struct virtio_linger *l = &d->linger;

	l->begun_ns = 0;
	if (!d->lingers || d->record || (!l->hopes && ++l->kicks % TRY_EVERY))
		return;
	l->first = d->finished;
	l->begun_ns = virtio_dev_clock_ns(NULL);
}

bool virtio_linger(void *ctx, uint16_t queue)
{
	struct virtio_dev *d = ctx;
	struct virtio_linger *l = &d->linger;
	uint64_t since, now, patience;

	if (!l->begun_ns)
		return false;
	d->type->poll(d);
	virtio_dev_publish(d); /* what plain calls answered, too */
	if (!d->irq_due || d->finished - l->first >= REQUESTS_MAX)
		return false;
	since = virtio_dev_clock_ns(NULL);
	patience = PATIENCE * (since - l->begun_ns);
	if (patience > PATIENCE_NS)
		patience = PATIENCE_NS;
	while ((now = virtio_dev_clock_ns(NULL)) - since < patience) {
		if (vdev_waiting(d->vdev, queue)) {
			l->begun_ns = now;
			return true;
		}
	}
	return false;
}

void virtio_linger_end(struct virtio_dev *d)
{
	struct virtio_linger *l = &d->linger;

	if (!l->begun_ns)
		return;
	l->begun_ns = 0;
	if (d->finished - l->first > 1)
		l->hopes = HOPES;
	else if (l->hopes)
		l->hopes--;
}
