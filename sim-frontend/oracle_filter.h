// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle_filter: a model of what control commands have set in a network device: filters, pairs in use, offloads of
 * received frames, and whether it has announced itself. From what the driver sent and the device acknowledged; and
 * what the answer to each must be (5.1.6.5).
 */
#ifndef RINGSIDE_ORACLE_FILTER_H
#define RINGSIDE_ORACLE_FILTER_H

#include "devices/net.h"

/* A command as the driver means it: value tells its data (filter_put). */
struct filter_command {
	uint8_t class, cmd;
	uint16_t value;
	bool broken; /* its bytes are not that */
};

#define FILTER_COMMAND_MAX 640u

struct filter {
	bool known;
	bool link_up, announce, announced, mac_known;
	uint16_t pairs, pairs_max;
	uint64_t usable, offloads; /* feature bits */
	uint8_t mac[6], own[6];
	uint8_t modes; /* bit per VIRTIO_NET_CTRL_RX_* */
	uint32_t nunicast, nmulticast;
	uint16_t mtu;
	uint64_t vlan[4096 / 64];
	struct net_tuning told; /* the latest that the backend heard */
};

/* The bytes of a command, at most FILTER_COMMAND_MAX; negotiated: feature bits. */
uint32_t filter_put(const struct filter_command *, uint64_t negotiated, uint8_t *);
/* A fresh device, or one that was reset; and one whose driver is ready. */
void filter_restart(struct filter *, const struct net_options *);
void filter_reset(struct filter *);
void filter_driver_ok(struct filter *, uint64_t accepted);
/* What is wrong with the answer to a command, or NULL; and it has its effect. */
const char *filter_answered(struct filter *, const struct filter_command *, uint8_t ack, const char **clause);
/* The driver wants this frame. why: the clause by which it does not. */
bool filter_wants(const struct filter *, const struct net_frame *, const char **why);
/* A frame's header asks for nothing that was not negotiated, and makes sense; sent: by the driver. */
bool filter_header_fits(const struct filter *, const struct net_header *, uint32_t len, bool sent);
/* Features whose requirements are there, too. */
uint64_t filter_usable(uint64_t f);

#endif
