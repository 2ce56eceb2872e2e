// SPDX-License-Identifier: BSD-2-Clause
#include "oracle_int.h"
#include "oracle_snapshot.h"

#define CRY(o, ...) oracle_cry(o, ORACLE_SNAPSHOT, "", __VA_ARGS__)

/* Of what was in flight; the device was loaded. */
static void check_requests(struct oracle *o, const struct snapshot *s)
{
	if (s->lost >= 0)
		CRY(o, "request %d was in flight when the device was saved, and is not submitted again",
		    s->lost);
	else if (s->changed >= 0)
		CRY(o, "request %d is submitted again as another one", s->changed);
	else if (s->invented >= 0)
		CRY(o, "request %d is submitted, which was not in flight when the device was saved",
		    s->invented);
	else if (s->repeated >= 0)
		CRY(o, "request %d is submitted again twice", s->repeated);
	else if (s->unlent)
		CRY(o, "%u pieces of memory that were lent are not lent again", s->unlent);
}

/* The first thing that is wrong tells most. */
void oracle_snapshot(struct oracle *o, const struct snapshot *s)
{
	if (s->len > s->len_max)
		CRY(o, "the device saves itself as %zu bytes, at most %zu are allowed", s->len, s->len_max);
	else if (!s->loaded)
		CRY(o, "a fresh device refuses the bytes that the old one saved");
	else if (s->hash[1] != s->hash[0])
		CRY(o, "the loaded device is in another state than the saved one");
	else if (!s->same_bytes)
		CRY(o, "the loaded device saves itself as other bytes than it was loaded from");
	else if (s->noise)
		CRY(o, "while it is loaded, the device %s", s->noise);
	else if (s->lost >= 0 || s->changed >= 0 || s->invented >= 0 || s->repeated >= 0 || s->unlent)
		check_requests(o, s);
	else if (s->hash[2] != s->hash[0])
		CRY(o, "the resumed device is in another state than the saved one");
}
