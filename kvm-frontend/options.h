// SPDX-License-Identifier: BSD-2-Clause
/*
 * The command line of ringside-vmm, parsed into a struct. Pure: no file is touched, so what an option names
 * may not exist; who opens it tells.
 */
#ifndef KVM_OPTIONS_H
#define KVM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "boot/err.h"
#include "boot/layout.h"

#define OPTIONS_PATH_MAX  4096
#define OPTIONS_DISKS_MAX LAYOUT_VIRTIO_MAX

struct option_disk {
	char path[OPTIONS_PATH_MAX];
	bool readonly;
	unsigned queues; /* 1 .. BLK_QUEUES_MAX; 0: as many as there are vCPUs, BLK_QUEUES_MAX at the most */
	uint64_t offer;  /* bits of VDEV_FEATURES_MORE (core/vdev.h) */
};

#define OPTIONS_NETS_MAX     LAYOUT_VIRTIO_MAX
#define OPTIONS_FORWARDS_MAX 32
#define OPTIONS_TAP_MAX      16 /* bytes of an interface's name, its NUL included */

struct option_forward {
	uint16_t host, guest; /* TCP ports */
};

struct option_net {
	char tap[OPTIONS_TAP_MAX]; /* "": user networking */
	uint8_t mac[6];
	uint16_t mtu;             /* 0: as usual */
	unsigned queues;          /* pairs, 1 .. NET_PAIRS_MAX; 0: as many as there are vCPUs */
	bool mrg_rxbuf, offloads; /* offered */
	struct option_forward forward[OPTIONS_FORWARDS_MAX];
	unsigned forward_count;
	uint64_t offer; /* like a disk's */
};

#define OPTIONS_PORTS_MAX     6  /* named ones */
#define OPTIONS_PORT_NAME_MAX 32 /* bytes, its NUL included */

struct option_port {
	char name[OPTIONS_PORT_NAME_MAX];
	bool socket; /* false: a file */
	const char *path;
};

/* Strings point into argv. NULL: not given. */
struct options {
	const char *kernel, *initrd;
	const char *guest_program; /* instead of a kernel, and of all that goes with one */
	const char *cmdline;       /* never NULL after options_parse: a default stands in */
	uint64_t memory_len;       /* bytes, a multiple of 2 MiB within LAYOUT_MEMORY_MIN..MAX */
	unsigned cpus;             /* vCPUs: 1 .. LAYOUT_CPUS_MAX */
	struct option_disk disks[OPTIONS_DISKS_MAX];
	unsigned disk_count;
	struct option_net nets[OPTIONS_NETS_MAX];
	unsigned net_count;
	bool rng;
	uint64_t rng_offer;          /* like a disk's */
	char save[OPTIONS_PATH_MAX]; /* --save-on SIGUSR1=FILE; "": not given */
	bool save_stop;              /* the machine ends then */
	const char *restore; /* instead of a kernel; memory_len and cpus: 0 where they were not given */
	const char *record;
	bool record_full;           /* payload kept in full, not as length and hash */
	uint64_t record_limit;      /* bytes; 0: none */
	const char *control;        /* a socket for commands; NULL: none */
	const char *serial;         /* stdio, pty or a file (terminal.h); NULL: nowhere */
	char hvc[OPTIONS_PATH_MAX]; /* hvc0's end, likewise; "": there is none */
	struct option_port ports[OPTIONS_PORTS_MAX];
	unsigned port_count;
	uint64_t console_offer; /* of the device of hvc0 and the ports; like a disk's */
	const char *user;       /* NULL: as it is; else see privilege.h */
	const char *chroot;     /* likewise */
	bool no_sandbox;
};

enum options_verdict { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_BAD };

/* argv as main() gets it, argv[0] included. OPTIONS_BAD has filled err. */
enum options_verdict options_parse(struct options *, int argc, char *const argv[], char err[ERR_MAX]);

/* There is hvc0 or a port, and so a virtio console. */
bool options_has_console(const struct options *);

/* False: no machine can have so many bytes of memory. */
bool options_memory_fits(uint64_t len);

/* The text of --help. */
const char *options_help(void);

#endif
