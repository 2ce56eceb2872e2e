// SPDX-License-Identifier: BSD-2-Clause
/*
 * privilege: --user and --chroot. What the options name is looked up at the start, and given up to just before
 * the guest runs: then everything is open that the devices need.
 */
#ifndef KVM_PRIVILEGE_H
#define KVM_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>
#include "boot/err.h"

struct privilege {
	bool change_user;
	uid_t uid;
	gid_t gid;
	const char *root; /* NULL: as it is */
	int root_fd;      /* the folder; -1: none */
};

/*
 * user: NAME or UID, with :GROUP or :GID behind it where it shall not be the user's own group; NULL: as it is.
 * root: the folder that becomes the root; NULL: as it is. Both must outlive the struct.
 */
int privilege_prepare(struct privilege *, const char *user, const char *root, char err[ERR_MAX]);
/* Before any thread starts: root folder, group, user; other groups are dropped. -1: some may be done. */
int privilege_drop(struct privilege *, char err[ERR_MAX]);
void privilege_close(struct privilege *); /* also after a failed privilege_prepare */

#endif
