// SPDX-License-Identifier: BSD-2-Clause
#include "serial.h"
#include <linux/serial_reg.h>
#include <string.h>

#define MSR_LINES_UP (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)
#define IIR_TIMEOUT  0x0c
#define IIR_FIFO     0xc0
#define IER_MASK     0x0f
#define MCR_MASK     0x1f

void serial_reset(struct serial *s)
{
	memset(s, 0, sizeof(*s));
	s->dll = 12; /* 9600 baud: nobody waits for it, drivers read it back */
}

static unsigned fifo_size(const struct serial *s)
{
	return s->fcr & UART_FCR_ENABLE_FIFO ? SERIAL_FIFO_LEN : 1;
}

static void fifo_put(struct serial *s, uint8_t byte)
{
	if (s->fifo_count == fifo_size(s)) {
		s->overrun = UART_LSR_OE;
		return;
	}
	s->fifo[(s->fifo_head + s->fifo_count) % SERIAL_FIFO_LEN] = byte;
	s->fifo_count++;
}

static uint8_t fifo_get(struct serial *s)
{
	uint8_t byte = 0;

	if (s->fifo_count) {
		byte = s->fifo[s->fifo_head];
		s->fifo_head = (uint8_t)((s->fifo_head + 1) % SERIAL_FIFO_LEN);
		s->fifo_count--;
	}
	return byte;
}

static unsigned fifo_trigger(const struct serial *s)
{
	static const uint8_t levels[] = {1, 4, 8, 14};

	return s->fcr & UART_FCR_ENABLE_FIFO ? levels[s->fcr >> 6] : 1;
}

/* What the line says: loopback ties the outputs to the inputs. */
static uint8_t msr_lines(const struct serial *s)
{
	uint8_t msr = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return MSR_LINES_UP;
	msr |= s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0;
	msr |= s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0;
	msr |= s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0;
	msr |= s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0;
	return msr;
}

/* The pending interrupt of the highest priority, as IIR's low bits tell it. */
static uint8_t pending(const struct serial *s)
{
	if ((s->ier & UART_IER_RLSI) && s->overrun)
		return UART_IIR_RLSI;
	if ((s->ier & UART_IER_RDI) && s->fifo_count)
		return s->fifo_count >= fifo_trigger(s) ? UART_IIR_RDI : IIR_TIMEOUT;
	if ((s->ier & UART_IER_THRI) && s->thre_pending)
		return UART_IIR_THRI;
	if ((s->ier & UART_IER_MSI) && s->msr_delta)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void update(struct serial *s)
{
	bool line = pending(s) != UART_IIR_NO_INT;

	s->edge |= line && !s->line;
	s->line = line;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t iir = pending(s);

	if (iir == UART_IIR_THRI)
		s->thre_pending = false; /* told */
	return (uint8_t)(iir | (s->fcr & UART_FCR_ENABLE_FIFO ? IIR_FIFO : 0));
}

static uint8_t read_lsr(struct serial *s)
{
	uint8_t lsr =
		(uint8_t)(UART_LSR_TEMT | UART_LSR_THRE | s->overrun | (s->fifo_count ? UART_LSR_DR : 0));

	s->overrun = 0;
	return lsr;
}

static uint8_t read_msr(struct serial *s)
{
	uint8_t msr = msr_lines(s) | s->msr_delta;

	s->msr_delta = 0;
	return msr;
}

static uint8_t read_register(struct serial *s, unsigned off)
{
	switch (off) {
	case UART_RX:
		return s->lcr & UART_LCR_DLAB ? s->dll : fifo_get(s);
	case UART_IER:
		return s->lcr & UART_LCR_DLAB ? s->dlm : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return read_lsr(s);
	case UART_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

uint8_t serial_read(struct serial *s, unsigned off)
{
	uint8_t value = read_register(s, off);

	update(s);
	return value;
}

static void write_ier(struct serial *s, uint8_t value)
{
	/* The transmitter is empty: enabling the interrupt tells so, each time. */
	if ((value & UART_IER_THRI) && !(s->ier & UART_IER_THRI))
		s->thre_pending = true;
	s->ier = value & IER_MASK;
}

static void write_fcr(struct serial *s, uint8_t value)
{
	/* Switching the FIFO on or off clears it, as the data sheet says. */
	if (((value ^ s->fcr) & UART_FCR_ENABLE_FIFO) || (value & UART_FCR_CLEAR_RCVR))
		s->fifo_count = 0;
	s->fcr = value & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK);
}

static void write_mcr(struct serial *s, uint8_t value)
{
	uint8_t before = msr_lines(s), changed;

	s->mcr = value & MCR_MASK;
	changed = before ^ msr_lines(s);
	s->msr_delta |= changed & UART_MSR_CTS ? UART_MSR_DCTS : 0;
	s->msr_delta |= changed & UART_MSR_DSR ? UART_MSR_DDSR : 0;
	s->msr_delta |= changed & before & UART_MSR_RI ? UART_MSR_TERI : 0; /* the trailing edge only */
	s->msr_delta |= changed & UART_MSR_DCD ? UART_MSR_DDCD : 0;
}

/* True: the byte leaves through the wire. */
static bool write_tx(struct serial *s, uint8_t value)
{
	s->thre_pending = true;
	/* Writing takes the interrupt away and the empty transmitter raises it anew: an edge of its own. */
	if (pending(s) == UART_IIR_THRI)
		s->line = false;
	if (!(s->mcr & UART_MCR_LOOP))
		return true;
	fifo_put(s, value);
	return false;
}

bool serial_write(struct serial *s, unsigned off, uint8_t value)
{
	bool sent = false;

	if (off == UART_TX && (s->lcr & UART_LCR_DLAB))
		s->dll = value;
	else if (off == UART_TX)
		sent = write_tx(s, value);
	else if (off == UART_IER && (s->lcr & UART_LCR_DLAB))
		s->dlm = value;
	else if (off == UART_IER)
		write_ier(s, value);
	else if (off == UART_FCR)
		write_fcr(s, value);
	else if (off == UART_LCR)
		s->lcr = value;
	else if (off == UART_MCR)
		write_mcr(s, value);
	else if (off == UART_SCR)
		s->scr = value;
	update(s);
	return sent;
}

unsigned serial_room(const struct serial *s)
{
	if (!(s->mcr & UART_MCR_RTS) || (s->mcr & UART_MCR_LOOP))
		return 0;
	return s->fifo_count < fifo_size(s) ? fifo_size(s) - s->fifo_count : 0;
}

void serial_receive(struct serial *s, const uint8_t *data, unsigned n)
{
	for (unsigned i = 0; i < n && s->fifo_count < fifo_size(s); i++)
		fifo_put(s, data[i]);
	update(s);
}

bool serial_take_irq(struct serial *s)
{
	bool edge = s->edge;

	s->edge = false;
	return edge;
}

void serial_save(const struct serial *s, struct state_out *out)
{
	const uint8_t regs[] = {s->ier, s->fcr, s->lcr,     s->mcr,      s->scr,
				s->dll, s->dlm, s->overrun, s->msr_delta};

	state_put(out, regs, sizeof(regs));
	state_put_bool(out, s->thre_pending);
	state_put_bool(out, s->line);
	state_put_bool(out, s->edge);
	state_put_u8(out, s->fifo_count);
	for (unsigned i = 0; i < s->fifo_count; i++)
		state_put_u8(out, s->fifo[(s->fifo_head + i) % SERIAL_FIFO_LEN]);
}

bool serial_load(struct serial *s, struct state_in *in)
{
	uint8_t *const regs[] = {&s->ier, &s->fcr, &s->lcr,     &s->mcr,      &s->scr,
				 &s->dll, &s->dlm, &s->overrun, &s->msr_delta};
	uint8_t count;

	serial_reset(s);
	for (unsigned i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		*regs[i] = state_get_u8(in);
	s->thre_pending = state_get_bool(in);
	s->line = state_get_bool(in);
	s->edge = state_get_bool(in);
	count = state_get_u8(in);
	state_need(in, !(s->ier & ~IER_MASK) && !(s->mcr & ~MCR_MASK) && !(s->overrun & ~UART_LSR_OE) &&
			       !(s->fcr & ~(UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK)) &&
			       !(s->msr_delta & 0xf0) && count <= fifo_size(s));
	for (unsigned i = 0; i < count && !in->bad; i++)
		fifo_put(s, state_get_u8(in));
	if (in->bad)
		serial_reset(s);
	return !in->bad;
}
