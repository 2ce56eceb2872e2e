// SPDX-License-Identifier: BSD-2-Clause
/* What the device holds against its driver. */
#include <linux/virtio_config.h>

#include "oracle_int.h"
#include "oracle_status.h"

/*
 * What a driver that does no wrong can not do: a chain or a ring that breaks the device, a queue that is refused. Other
 * offences may be a driver's that means well (a notification too early, a request that the device can not serve). Queues
 * that are set up ahead of FEATURES_OK may be of another layout than what is agreed at last.
 */
void oracle_status_offence(struct oracle_status *s, enum offence o)
{
	const struct offence_info *i = offence_info(o);
	bool agreed = s->vdev->status & VIRTIO_CONFIG_S_FEATURES_OK;
	if (i->reaction == OFFENCE_BREAK)
		oracle_cry_of(s->oracle, ORACLE_STATUS, i->name,
			      "the driver broke no rule, but the device needs a reset: it has seen %s (%s)",
			      i->name, i->what);
	else if (o == OFFENCE_QUEUE_LAYOUT && agreed)
		oracle_cry_of(s->oracle, ORACLE_STATUS, i->name,
			      "the driver broke no rule, but its queue does not become ready: the device has "
			      "seen %s (%s)",
			      i->name, i->what);
}
