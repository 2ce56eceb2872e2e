// SPDX-License-Identifier: BSD-2-Clause
/* sim_net: the network device's backend in the simulator: frames that a program makes arrive, and who must be told of
 * room. */
#ifndef RINGSIDE_SIM_NET_H
#define RINGSIDE_SIM_NET_H

#include "devices/net.h"
#include "machine.h"

/* device_options.flags of a network device (programs hold them: append only). `sectors` are feature bits that it
 * does not offer. */
enum sim_net_flags {
	NET_FLAG_PAIRS = 3, /* of queues: 2, 1, 3, 2 */
	NET_FLAG_NO_MRG_RXBUF = 4,
	NET_FLAG_NO_OFFLOADS = 8,
	NET_FLAG_NO_MAC = 16,
	NET_FLAG_MTU = 32, /* 1500 */
	NET_FLAG_NO_CONTROL = 64,
	NET_FLAG_SPEED = 128,
};

/* What queues are for, once the features are settled: without MQ the control queue comes behind the first pair. */
enum sim_net_queue { NET_QUEUE_RX, NET_QUEUE_TX, NET_QUEUE_CONTROL, NET_QUEUE_NONE };

const struct net_options *sim_net_options(const struct sim_device *);
enum sim_net_queue sim_net_queue(const struct sim_device *, uint16_t queue, uint64_t accepted);

#endif
