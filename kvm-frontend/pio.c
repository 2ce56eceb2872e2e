// SPDX-License-Identifier: BSD-2-Clause
#include "pio.h"
#include "guest_run.h"
#include "vmm.h"

#define SLP_TYP_SHIFT 2
#define SLP_TYP_MASK  7
#define SLP_EN        0x20

static bool is_com1(uint16_t port)
{
	return port >= LAYOUT_PORT_COM1 && port < LAYOUT_PORT_COM1 + LAYOUT_PORT_COM1_LEN;
}

uint8_t pio_read(struct vmm *vmm, uint16_t port)
{
	if (is_com1(port))
		return com1_read(&vmm->com1, port - LAYOUT_PORT_COM1);
	if (port == LAYOUT_PORT_SLEEP_CONTROL || port == LAYOUT_PORT_SLEEP_STATUS)
		return 0; /* awake, and never woken from sleep */
	return 0xff;
}

void pio_write(struct vmm *vmm, uint16_t port, uint8_t value)
{
	if (is_com1(port))
		com1_write(&vmm->com1, port - LAYOUT_PORT_COM1, value);
	else if (port == LAYOUT_PORT_SLEEP_CONTROL && (value & SLP_EN) &&
		 (value >> SLP_TYP_SHIFT & SLP_TYP_MASK) == LAYOUT_SLP_TYP_S5)
		vmm_end(vmm, VMM_POWER_OFF, NULL);
	else if (port == LAYOUT_PORT_RESET && value == LAYOUT_RESET_VALUE)
		vmm_end(vmm, VMM_RESET, NULL);
	else if (port == LAYOUT_PORT_INTERPRETER && vmm->guest)
		guest_run_next(vmm->guest);
}
