// SPDX-License-Identifier: BSD-2-Clause
/* sample: small traces by hand, for the tests of what is made of traces. */
#ifndef RINGSIDE_TESTS_SAMPLE_H
#define RINGSIDE_TESTS_SAMPLE_H

/* A queue of four at 0x1000, 0x1100, 0x1200; two requests are published at op 8 and overlap: the first is used at op 14, the
 * other one never. */
extern const char sample_overlap[];
/* A trace's text becomes a file. */
void sample_write(const char *path, const char *text);

#endif
