// SPDX-License-Identifier: BSD-2-Clause
/*
 * Who must be told what.
 *
 * The driver, of used buffers: after it made used entries visible the device must look at what the driver
 * wants to hear of, and do it. A look from before does not count: the driver may have changed its mind,
 * looked at the ring once more, found nothing and gone to sleep in between. An interrupt that was not
 * acknowledged when the entries became visible tells of them, too: the driver acknowledges, and then looks.
 *
 * The device, of available buffers: when it asks for notifications again it must look at the ring after that,
 * and go on with what it finds. A driver that was just then publishing does not notify.
 *
 * In both a full fence stands between the store and the look, or the processor does them the other way round.
 */
#include "oracle_int.h"

/* -- used buffers ---------------------------------------------------------------------------------------- */

void oracle_publish(struct oracle *o, struct ring *r, ring_pos p)
{
	r->published = p;
	r->sampled = r->refused = false;
	r->covered |= o->unacked;
	r->fences_shown = o->fences;
	r->wish_loaded = 0;
	o->touched |= 1u << ring_number(o, r);
}

void oracle_wish(struct ring *r, bool due, bool by_flags)
{
	r->irq_due |= due;
	r->sampled = true;
	r->refused = by_flags && !due;
	r->asked = r->published;
}

static const char *must_notify(const struct oracle *o)
{
	if (o->packed)
		return "";
	return o->event_idx ? "split.usednotif.5" : "split.usednotif.3";
}

/*
 * By the values that the device loaded the driver asked for none. Flags say it plainly, whoever wrote them; an
 * event index, or no look at all, tells something of a driver only that is one.
 */
static void wasted(struct oracle *o, const struct ring *r)
{
	bool lawful = o->config.lawless && !*o->config.lawless;
	o->wasted++;
	if (!lawful && !r->refused)
		return;
	oracle_cry(o, ORACLE_NOTIFICATION,
		   o->packed      ? ""
		   : o->event_idx ? "split.usednotif.6"
				  : "split.usednotif.2",
		   "queue %u: a used buffer notification is sent that the driver asked not to get",
		   ring_number(o, r));
}

static void judge_interrupt(struct oracle *o, struct ring *r)
{
	bool due = !r->covered;
	if (due && r->irq_due)
		oracle_cry(o, ORACLE_NOTIFICATION, must_notify(o),
			   "queue %u: the driver asked to be notified of used index %u, and was not",
			   ring_number(o, r), r->asked);
	else if (due && !r->sampled)
		oracle_cry(o, ORACLE_NOTIFICATION, must_notify(o),
			   "queue %u: used index %u was published without a look, behind a fence, at what "
			   "the driver "
			   "asked for",
			   ring_number(o, r), r->published);
	r->irq_due = r->covered = false;
	r->sampled = true;
}

void oracle_interrupt(struct oracle *o, uint16_t source)
{
	if (source == HOST_SOURCE_CONFIG) {
		o->config_due = false;
		o->config_unacked = true;
	}
	if (source >= o->config.nqueues || o->tangled)
		return;
	struct ring *r = &o->ring[source];
	if (!r->ready)
		oracle_cry(o, ORACLE_NOTIFICATION, oracle_any_ready(o) ? "vqreset.1" : "reset.2",
			   "queue %u: a used buffer notification is sent, and the queue is not ready",
			   source);
	else if (r->sampled && !r->irq_due && !(o->off >> ORACLE_NOTIFICATION & 1))
		wasted(o, r);
	r->irq_due = r->refused = false;
	r->sampled = true;
	r->asked = r->published;
	o->unacked = true;
}

void oracle_acknowledged(struct oracle *o)
{
	o->unacked = false;
}

void oracle_config_acknowledged(struct oracle *o)
{
	o->config_unacked = false;
}

uint64_t oracle_wasted(const struct oracle *o)
{
	return o->wasted;
}

/* -- available buffers ----------------------------------------------------------------------------------- */

/* A chain that is published at r->taken, or soon after, is notified. */
static bool asks_for_kicks(const struct ring *r)
{
	return r->kicks == KICKS_ALWAYS ||
	       (r->kicks == KICKS_AT && ring_distance(r, r->taken, r->kick_at) < r->round / 2);
}

void oracle_kicks(struct oracle *o, struct ring *r)
{
	r->must_look = asks_for_kicks(r);
	r->looked = r->starved = false;
	r->fences_asked = o->fences;
	o->touched |= 1u << ring_number(o, r);
}

static bool broken(const struct oracle *o)
{
	return o->config.status && *o->config.status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* What is in flight, a run that was asked for, or memory that there was none of, brings the device back to the ring. */
static void judge_look(struct oracle *o, struct ring *r)
{
	bool must = r->must_look && !r->again && !r->nowned && !broken(o) && oracle_owes(o, r);
	r->must_look = false;
	if (!must)
		return;
	if (!r->looked)
		oracle_cry(o, ORACLE_NOTIFICATION, "",
			   "queue %u: the device asked for kicks and did not look at the ring after that, "
			   "behind a "
			   "fence: "
			   "what was published just before has no kick",
			   ring_number(o, r));
	else if (!r->starved && o->layout->seen_waiting(r))
		oracle_cry(
			o, ORACLE_NOTIFICATION, "",
			"queue %u: the device asked for kicks, saw that more is available by now, and left "
			"it there",
			ring_number(o, r));
}

void oracle_config_changes(struct oracle *o)
{
	uint8_t live = VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET;
	o->config_due = o->config.status && (*o->config.status & live) == VIRTIO_CONFIG_S_DRIVER_OK &&
			!o->config_unacked;
}

void oracle_config_told(struct oracle *o)
{
	o->config_due = false;
	oracle_cry(o, ORACLE_NOTIFICATION, o->config.status_byte ? "blk.op.2" : "",
		   "the configuration changed, and the driver was not notified of it");
}

void oracle_notified(struct oracle *o, struct ring *r)
{
	if (o->tangled)
		return;
	judge_interrupt(o, r);
	judge_look(o, r);
}

void oracle_again(struct oracle *o, uint16_t queue)
{
	if (queue < o->config.nqueues)
		o->ring[queue].again = o->ring[queue].ready;
}

void oracle_runs(struct oracle *o, uint16_t queue)
{
	if (queue < o->config.nqueues)
		o->ring[queue].again = false;
}

/* -- in the end ------------------------------------------------------------------------------------------ */

bool oracle_watch(const struct oracle *o, uint16_t queue, gpa_t *at)
{
	const struct ring *r = &o->ring[queue];
	if (!r->ready || o->tangled)
		return false;
	*at = gpa(o->layout->watch(r));
	return true;
}

bool oracle_waits(const struct oracle *o, uint16_t queue, uint16_t word)
{
	return o->layout->waiting(&o->ring[queue], word);
}

/* Nothing is to be done, and the next chain has to be heard of. */
static void judge_sleep(struct oracle *o, const struct ring *r)
{
	bool hears = r->kicks == KICKS_UNKNOWN || r->kicks == KICKS_ALWAYS ||
		     (r->kicks == KICKS_AT && r->kick_at == r->taken);
	if (!hears)
		oracle_cry(o, ORACLE_LIVENESS, "",
			   "queue %u: all is done, and the driver was told not to notify of the next chain",
			   ring_number(o, r));
}

/*
 * On a packed ring nobody sees a chain given back that fills it, until it is loaded anew: the device looks at the
 * same slot as before. Where the driver breaks the rules and writes to that slot, it never is.
 */
static bool may_be_back(const struct oracle *o, const struct ring *r)
{
	const struct chain *c = r->latest;
	return o->packed && c && c->live && c->refused && c->ndesc == r->size;
}

void oracle_quiet(struct oracle *o, uint16_t queue, uint16_t word)
{
	struct ring *r = &o->ring[queue];
	if (r->ready && !o->tangled && may_be_back(o, r))
		oracle_chain_unpop(r);
	bool owes = oracle_owes(o, r), waits = r->ready && owes && oracle_waits(o, queue, word);
	if (!r->ready || o->tangled)
		return;
	if (r->nowned)
		oracle_cry(o, ORACLE_LIVENESS, "", "queue %u: %u chains were taken and never completed",
			   queue, r->nowned);
	if (r->again)
		oracle_cry(o, ORACLE_LIVENESS, "",
			   "queue %u: the device asked to be run again, and there is no end of it", queue);
	else if (waits)
		oracle_cry(o, ORACLE_LIVENESS, "",
			   "queue %u: 0x%x at 0x%llx says that more is available, but only what is before %u "
			   "was "
			   "taken",
			   queue, word, (unsigned long long)o->layout->watch(r), r->taken);
	if (r->published != r->stored)
		oracle_cry(o, ORACLE_LIVENESS, "",
			   "queue %u: used entries up to %u are in the ring, but those from %u on are not "
			   "published",
			   queue, r->stored, r->published);
	if (owes && !waits && !r->nowned && !r->again && r->published == r->stored)
		judge_sleep(o, r);
}
