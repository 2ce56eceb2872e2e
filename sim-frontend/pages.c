// SPDX-License-Identifier: BSD-2-Clause
#include <sys/mman.h>

#include "pages.h"

void *pages_take(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void pages_give(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}
