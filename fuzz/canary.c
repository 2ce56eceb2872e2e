// SPDX-License-Identifier: BSD-2-Clause
/*
 * The counts are two numbers (u64: reached, triggered) in the file that RINGSIDE_CANARY names: mapped and
 * shared, so that they outlive a crash and add up over all processes of a run.
 */
#include "canary.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t nowhere[2], *counts = nowhere;

__attribute__((constructor)) static void map_counts(void)
{
	const char *path = getenv("RINGSIDE_CANARY");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644) : -1;
	if (fd < 0)
		return;
	void *p = ftruncate(fd, sizeof(nowhere))
			  ? MAP_FAILED
			  : mmap(NULL, sizeof(nowhere), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		counts = p;
	close(fd);
}

bool canary(bool triggered)
{
	__atomic_fetch_add(&counts[0], 1, __ATOMIC_RELAXED);
	if (triggered)
		__atomic_fetch_add(&counts[1], 1, __ATOMIC_RELAXED);
	return triggered;
}
