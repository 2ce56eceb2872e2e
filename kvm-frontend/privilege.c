// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* O_PATH, setresuid, setgroups */
#include "privilege.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define NAME_LEN_MAX 255

/* True: a number, and *out is it. UINT32_MAX is no id: to the kernel it says "as it is". */
static bool parse_id(const char *text, uint32_t *out)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value >= UINT32_MAX)
			return false;
	}
	*out = (uint32_t)value;
	return true;
}

static int find_group(struct privilege *p, const char *name, char err[ERR_MAX])
{
	const struct group *group;

	if (parse_id(name, &p->gid))
		return 0;
	group = getgrnam(name);
	if (!group)
		return err_set(err, "--user: there is no group \"%.100s\"", name);
	p->gid = group->gr_gid;
	return 0;
}

static int find_user(struct privilege *p, const char *name, bool with_group, char err[ERR_MAX])
{
	const struct passwd *user;

	if (parse_id(name, &p->uid)) {
		user = getpwuid(p->uid);
		if (!user && !with_group)
			return err_set(err,
				       "--user: user %.100s has no name, and so no group; write %.100s:GID",
				       name, name);
	} else {
		user = getpwnam(name);
		if (!user)
			return err_set(err, "--user: there is no user \"%.100s\"", name);
		p->uid = user->pw_uid;
	}
	if (user)
		p->gid = user->pw_gid;
	return 0;
}

static int look_up(struct privilege *p, const char *text, char err[ERR_MAX])
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	char name[NAME_LEN_MAX + 1];

	if (len == 0 || len > NAME_LEN_MAX || (colon && !colon[1]))
		return err_set(err, "--user: %.100s; write NAME, UID or UID:GID", text);
	memcpy(name, text, len);
	name[len] = 0;
	p->change_user = true;
	if (find_user(p, name, colon, err))
		return -1;
	return colon ? find_group(p, colon + 1, err) : 0;
}

int privilege_prepare(struct privilege *p, const char *user, const char *root, char err[ERR_MAX])
{
	*p = (struct privilege){.root = root, .root_fd = -1};
	if (user && look_up(p, user, err))
		return -1;
	if (!root)
		return 0;
	p->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->root_fd >= 0)
		return 0;
	return err_set(err, "--chroot %.120s: %s", root, errno == ENOTDIR ? "is no folder" : strerror(errno));
}

static int refused(const char *option, const char *what, char err[ERR_MAX])
{
	if (errno == EPERM)
		return err_set(err, "%s: only root may change the %s; start ringside-vmm as root, or without",
			       option, what);
	return err_set(err, "%s: the %s can not be changed: %s", option, what, strerror(errno));
}

/* The folder first, since that needs root; the user last, as the rest needs that, too. */
int privilege_drop(struct privilege *p, char err[ERR_MAX])
{
	if (p->root_fd >= 0 && (fchdir(p->root_fd) || chroot(".") || chdir("/")))
		return refused("--chroot", "root folder", err);
	privilege_close(p); /* a way out of the root folder */
	if (!p->change_user)
		return 0;
	if (setgroups(0, NULL) || setresgid(p->gid, p->gid, p->gid) || setresuid(p->uid, p->uid, p->uid))
		return refused("--user", "user", err);
	return 0;
}

void privilege_close(struct privilege *p)
{
	if (p->root_fd >= 0)
		close(p->root_fd);
	p->root_fd = -1;
}
