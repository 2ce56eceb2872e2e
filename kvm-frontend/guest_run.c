// SPDX-License-Identifier: BSD-2-Clause
#include "guest_run.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memory.h"
#include "guest_type.h"

#define STATUS_DIFFERS 1
#define WINDOW_LEN     0x1000u

/* -- life ----------------------------------------------------------------------------------------------- */

static void on_full(struct recorder *r, size_t need)
{
	(void)need;
	guest_match(r->ctx);
}

/* A store elsewhere could be a register access, or change what makes the vCPU go on. */
static int check_pokes(const struct guest_run *g, char err[ERR_MAX])
{
	struct vmem mem;
	bool any = false;

	vmem_init(&mem, &g->vmm->map);
	for (uint32_t i = 0; i < g->trace.nops; i++) {
		const struct op *op = &g->trace.ops[i];

		if (op->code != OP_POKE)
			continue;
		any = true;
		if (!vmem_covers(&mem, gpa(op->arg[0]), op->len))
			return err_set(err,
				       "--guest-program: record %u: a guest store at 0x%" PRIx64
				       ", which is no memory",
				       i + 1, op->arg[0]);
	}
	if (any || g->trace.nops == 0)
		return 0;
	for (uint32_t i = 0; i < g->trace.nops; i++)
		if (g->trace.ops[i].code == OP_SUBMIT)
			return err_set(err, "--guest-program: the trace does not tell what the guest stored; "
					    "only `ringside run "
					    "--record` writes such");
	return 0;
}

struct guest_run *guest_run_create(struct vmm *vmm, const char *path, char err[ERR_MAX])
{
	struct guest_run *g = calloc(1, sizeof(*g));

	if (!g) {
		err_set(err, "out of memory");
		return NULL;
	}
	g->vmm = vmm;
	g->record.timer_armed = true; /* nothing is saved */
	pthread_mutex_init(&g->record.lock, NULL);
	g->record.rec = (struct recorder){.buf = malloc(RECORD_BUFFER_LEN),
					  .max = RECORD_BUFFER_LEN,
					  .full_payload = true,
					  .full = on_full,
					  .ctx = g};
	if (!g->record.rec.buf)
		err_set(err, "out of memory");
	else if (!guest_trace_load(&g->trace, path, err) &&
		 !memory_create_regions(&vmm->map, &g->trace.head, err) && !check_pokes(g, err))
		return g;
	guest_run_destroy(g);
	return NULL;
}

void guest_run_destroy(struct guest_run *g)
{
	if (!g)
		return;
	guest_code_destroy(g->mail);
	guest_trace_destroy(&g->trace);
	pthread_mutex_destroy(&g->record.lock);
	free(g->record.rec.buf);
	free(g);
}

/* What the device says of itself must be what the trace says. */
int guest_run_add(struct guest_run *g, struct virtio_dev *dev, uint32_t nr, char err[ERR_MAX])
{
	const struct trace_device *want = &g->trace.head.device[nr];
	struct trace_device made;

	g->dev[nr] = (struct guest_dev){.run = g, .dev = dev};
	if (virtio_dev_record(dev, &g->record, nr, &made, err))
		return -1;
	if (made.config_len != want->config_len || memcmp(made.config, want->config, made.config_len))
		return err_set(
			err,
			"--guest-program: %s can not be made with the configuration that the trace tells",
			dev->name);
	if (guest_back_init(&g->dev[nr]))
		return err_set(err, "--guest-program: %s can not be made by this build", dev->name);
	return 0;
}

int guest_run_start(struct guest_run *g, char err[ERR_MAX])
{
	g->mail = guest_code_create(g->vmm, err);
	return g->mail ? 0 : -1;
}

/* -- one op after the other ----------------------------------------------------------------------------- */

/* A piece of a poke, as large as the mailbox takes. */
static void post_poke(struct guest_run *g, const struct op *op)
{
	uint32_t left = op->len - g->done, n = left < GUEST_COPY_MAX ? left : GUEST_COPY_MAX;

	if (g->done == 0)
		guest_tell(g, op);
	*g->mail = (struct guest_mail){.what = GUEST_COPY, .addr = op->arg[0] + g->done, .len = n};
	memcpy(g->mail->data, op->data + g->done, n);
	g->count.store_bytes += n;
	g->done += n;
	if (g->done < op->len)
		return;
	g->count.stores++;
	g->done = 0;
	g->at++;
}

/* No instruction makes an access of 3 bytes, or one that leaves the window: such a one is the host's. */
static bool by_processor(const struct op *op)
{
	uint64_t n = op->arg[1];

	return (n == 1 || n == 2 || n == 4 || n == 8) && op->arg[0] + n <= WINDOW_LEN;
}

static void access(struct guest_run *g, const struct op *op)
{
	const struct mmio_window *w = &g->vmm->mmio.windows[op->dev];
	bool write = op->code == OP_WRITE;

	g->working = true;
	if (by_processor(op)) {
		*g->mail = (struct guest_mail){.what = write ? GUEST_WRITE : GUEST_READ,
					       .addr = w->base + op->arg[0],
					       .len = op->arg[1],
					       .value = write ? op->arg[2] : 0};
		g->access = op;
		g->count.writes += write;
		g->count.reads += !write;
		return;
	}
	g->count.host++;
	if (write)
		w->ops->write(w->ctx, op->arg[0], (uint32_t)op->arg[1], op->arg[2]);
	else
		w->ops->read(w->ctx, op->arg[0], (uint32_t)op->arg[1]);
}

/* False: it is nothing that comes from the host. */
static bool host_action(struct guest_run *g, const struct op *op)
{
	struct guest_dev *d = &g->dev[op->dev];
	bool ok = true;

	g->working = true;
	g->count.host++;
	if (op->code == OP_RUN) {
		virtio_dev_run(d->dev, op->arg[0] < VDEV_QUEUES_MAX ? (uint16_t)op->arg[0] : VDEV_QUEUES_MAX);
		return true;
	}
	virtio_dev_enter(d->dev);
	switch (op->code) {
	case OP_PAYLOAD:
		ok = g->at + 1 < g->trace.nops && op[1].code == OP_DONE && guest_back_done(d, op + 1);
		break;
	case OP_DONE:
		ok = guest_back_done(d, op);
		break;
	case OP_FLUSHED:
		virtio_dev_publish(d->dev);
		break;
	default:
		ok = d->type->input(d, op);
	}
	virtio_dev_leave(d->dev);
	return ok;
}

/* What the latest op led to is complete. Of a read, what has arrived in the guest's register counts. */
static void finish(struct guest_run *g)
{
	const struct op *op = g->access;

	g->working = false;
	guest_match(g);
	g->access = NULL;
	if (!op || g->diverged)
		return;
	if (guest_next(g) == op) {
		guest_diverge(g, NULL); /* it did not reach the device */
	} else if (op->code == OP_READ && g->mail->value != guest_narrow(op->arg[2], op->arg[1])) {
		struct op did = *op;

		did.arg[2] = g->mail->value;
		g->at = (uint32_t)(op - g->trace.ops);
		guest_diverge(g, &did);
	}
}

void guest_run_next(struct guest_run *g)
{
	const struct op *op;

	for (finish(g); (op = guest_next(g)); finish(g)) {
		uint32_t at = g->at;

		if (op->code == OP_POKE && op->len) {
			post_poke(g, op);
			return;
		}
		if (op->code == OP_POKE) {
			g->at++;
			continue;
		}
		if (op->code == OP_READ || op->code == OP_WRITE) {
			access(g, op);
			if (by_processor(op))
				return;
		} else if (!host_action(g, op)) {
			guest_diverge(g, NULL);
		}
		guest_match(g);
		if (g->at == at)
			guest_diverge(g, NULL);
	}
	vmm_end(g->vmm, VMM_POWER_OFF, NULL);
}

int guest_run_report(const struct guest_run *g, int status)
{
	const struct guest_count *c = &g->count;
	bool whole = !g->diverged && g->at == g->trace.nops;

	if (status)
		return status;
	printf("%" PRIu64 " stores (%" PRIu64 " bytes), %" PRIu64 " register writes and %" PRIu64
	       " reads by the vCPU, %" PRIu64 " actions of the host",
	       c->stores, c->store_bytes, c->writes, c->reads, c->host);
	if (c->races)
		printf(", %" PRIu64 " stores of another processor", c->races);
	printf(whole ? "; all %" PRIu64 " outputs as in the simulator"
		     : "; %" PRIu64 " outputs as in the simulator, then another",
	       c->checked);
	printf(whole && g->trace.violated ? ", up to the violation that ends the recording\n" : "\n");
	return whole ? 0 : STATUS_DIFFERS;
}
