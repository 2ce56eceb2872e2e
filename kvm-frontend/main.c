// SPDX-License-Identifier: BSD-2-Clause
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "options.h"
#include "version.h"
#include "virtio.h"
#include "vmm.h"

#define STATUS_USAGE 2

/*
 * Whoever starts us may have closed standard input, output or error. The next file that is opened would then
 * take that number: a disk image, and the guest's console or a message of ours would be written into it.
 */
static int fill_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

static int start(struct vmm *vmm, const struct options *options, char err[ERR_MAX])
{
	if (vmm_create(vmm, options, err) || virtio_create(vmm, options, err))
		return -1;
	return vmm_start(vmm, err);
}

/* Starts, runs, and takes everything down again, whatever of it was built. */
static int run(const struct options *options)
{
	struct vmm *vmm = calloc(1, sizeof(*vmm));
	char err[ERR_MAX] = "";
	int status = STATUS_USAGE;

	if (!vmm) {
		fprintf(stderr, "ringside-vmm: out of memory\n");
		return STATUS_USAGE;
	}
	if (!start(vmm, options, err))
		status = vmm_run(vmm);
	else
		fprintf(stderr, "ringside-vmm: %s\n", err);
	virtio_destroy(vmm);
	vmm_destroy(vmm);
	free(vmm);
	return status;
}

int main(int argc, char *argv[])
{
	struct options options;
	char err[ERR_MAX];

	if (fill_standard_fds())
		return STATUS_USAGE; /* no /dev/null, and possibly nowhere to tell it */
	switch (options_parse(&options, argc, argv, err)) {
	case OPTIONS_HELP:
		fputs(options_help(), stdout);
		return 0;
	case OPTIONS_VERSION:
		puts("ringside-vmm " RINGSIDE_VERSION);
		return 0;
	case OPTIONS_BAD:
		fprintf(stderr, "ringside-vmm: %s\n", err);
		return STATUS_USAGE;
	default:
		return run(&options);
	}
}
