// SPDX-License-Identifier: BSD-2-Clause
/* small_int: between small.c (the device, and the whole as a value) and small_driver.c. */
#ifndef RINGSIDE_TESTS_SMALL_INT_H
#define RINGSIDE_TESTS_SMALL_INT_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "tests/unit/small.h"

#define BASE   0x1000ull /* guest address of everything */
#define DRIVER 64u       /* offsets of the areas */
#define DEVICE 96u
#define DATA   0x200u
#define WRITE  4u /* writable bytes of each chain */
#define WRAP   0x8000u

extern struct small_config cfg;
extern struct small_model s;
extern struct vq q;
extern uint8_t ram[0x400];

/* Little-endian, as this machine is; the driver's own accesses. */
static inline uint16_t get(uint32_t off)
{
	uint16_t v;
	memcpy(&v, ram + off, 2);
	return v;
}

static inline void put(uint32_t off, uint32_t v, uint32_t n)
{
	memcpy(ram + off, &v, n);
}

/* The entry that an index or a position of the driver's stands for. */
static inline uint32_t slot(uint16_t pos)
{
	return cfg.packed ? pos & (WRAP - 1) : (uint32_t)pos % cfg.size;
}

/* Takes one out of a list. */
static inline void drop(uint8_t *list, uint8_t *n, uint32_t at)
{
	(*n)--;
	for (uint32_t i = at; i < *n; i++)
		list[i] = list[i + 1];
}

uint16_t forward(uint16_t pos, uint32_t n); /* the driver's index or position, n entries further on */

/* The driver's steps; false: not possible now. */
bool drv_post(uint32_t n);
bool drv_kick(void);
bool drv_reap(void);
bool drv_suppress(void);
bool drv_arm(void);
bool drv_look(void); /* the last one before sleeping */
bool drv_wake(void);
bool drv_sees_used(void);
bool drv_wants_kick(void); /* as the device said it */

#endif
