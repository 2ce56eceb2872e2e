// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outfile.h"
#include "sim_file.h"
#include "textout.h"

static void put_comments(FILE *f, const struct sim_options *o, const struct sim_log *log,
			 const struct sim_violation *v)
{
	uint16_t ids[MACHINE_DEVICES_MAX];
	sim_device_ids(o, ids);
	fprintf(f, "# VIOLATION %s%s%s at op %" PRIu64 ", %s%u: %s\n", v->v.oracle, *v->v.clause ? " " : "",
		v->v.clause, v->op, sim_type(ids[v->dev])->name, v->dev, v->v.what);
	fprintf(f, "# found by: ringside sim --seed 0x%" PRIx64 ", in the run of seed 0x%" PRIx64 "\n",
		o->seed, log->seed);
}

static bool put_ops(FILE *f, const struct sim_options *o, const struct sim_log *log)
{
	struct textout out = {.file = f};
	uint16_t ids[OP_DEV_MAX] = {0};
	uint32_t n = sim_device_ids(o, ids);
	for (uint32_t i = 0; i < n; i++)
		fprintf(f, "device %s%u\n", sim_type(ids[i])->name, i);
	for (uint32_t i = 0; i < log->nops; i++)
		textout_op(&out, &log->op[i], ids);
	return textout_close(&out);
}

/* build/sim: both. */
static bool make_directory(const char *dir)
{
	char part[256];
	for (size_t n = 1; dir[n - 1]; n++) {
		if (dir[n] && dir[n] != '/')
			continue;
		if (n >= sizeof(part)) {
			errno = ENAMETOOLONG;
			return false;
		}
		memcpy(part, dir, n);
		part[n] = 0;
		if (mkdir(part, 0777) && errno != EEXIST)
			return false;
	}
	return true;
}

bool sim_file_can_write(const char *dir)
{
	return make_directory(dir) && access(dir, W_OK | X_OK) == 0;
}

bool sim_file_write(const char *dir, const struct sim_options *o, const struct sim_log *log,
		    const struct sim_violation *v, char *path, size_t max)
{
	if (!make_directory(dir))
		return false;
	snprintf(path, max, "%s/%s-%016" PRIx64 ".txt", dir, v->v.oracle, log->seed);
	struct outfile out;
	if (!outfile_open(&out, path))
		return false;
	put_comments(out.file, o, log, v);
	if (put_ops(out.file, o, log))
		return outfile_done(&out);
	int error = errno;
	outfile_drop(&out);
	errno = error;
	return false;
}
