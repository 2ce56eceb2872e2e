// SPDX-License-Identifier: BSD-2-Clause
/*
 * Names for the numbers in a trace: registers, bits, request types, offences. For core/trace, and for
 * fuzz/reach_list.c, which asks what there is. Tables end with a NULL text.
 */
#ifndef RINGSIDE_TRACE_NAMES_H
#define RINGSIDE_TRACE_NAMES_H

#include "trace/fmt.h"
#include "trace/op.h"

struct name {
	uint64_t value;
	const char *text;
};

extern const struct name name_devices[];                       /* virtio device ids */
extern const struct name name_registers[];                     /* of the virtio-mmio window */
extern const struct name name_status[];                        /* bits of the status register */
extern const struct name name_isr[];                           /* bits of the interrupt status */
extern const struct name name_desc_flags[], name_slot_flags[]; /* bits of a descriptor */
extern const struct name name_blk_types[];                     /* request types as they stand in a header */
extern const struct name name_blk_status[];
extern const struct name name_console_events[]; /* control messages */
extern const struct name name_net_commands[];   /* class << 8 | command */

const char *name_of(const struct name *, uint64_t); /* NULL: none */
/* The device's prefix in the text form: "blk", "dev" for an unknown id. */
const char *name_device(uint16_t id);
/* Words that stand for a field's values, or NULL: numbers only. */
const struct name *name_values(uint8_t code, enum op_format, uint16_t id);
/* The field of a device's configuration that begins at off, or NULL. */
const char *name_config(uint16_t id, uint64_t off);
/* A|B|C; bits without a name as a number. 0 gives "0". */
void name_bits(struct fmt *, const struct name *, uint64_t);
void name_features(struct fmt *, uint16_t id, uint64_t);
/* comment_net.c: of an op of a network device; nothing where there is none. */
void comment_net(struct fmt *, const struct op *);
/* The op's meaning beyond its fields, with " # " or padding before it; nothing where there is none. */
void op_comment(struct fmt *, const struct op *, uint16_t id);

#endif
