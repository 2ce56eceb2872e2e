// SPDX-License-Identifier: BSD-2-Clause
/* ether: numbers and checksums of the network tests' frames. */
#ifndef TESTS_ETHER_H
#define TESTS_ETHER_H

#include <stddef.h>
#include <stdint.h>

/* Where things lie in an Ethernet frame with an IPv4 header of 20 bytes. */
#define IP_AT    14
#define L4_AT    34
#define UDP_DATA 42

void put_be16(uint8_t *, unsigned);
void put_be32(uint8_t *, uint32_t);
unsigned get_be16(const uint8_t *);
uint32_t get_be32(const uint8_t *);
/* The Internet checksum: adds n bytes to a sum, and folds that into 16 bits (not inverted). */
uint32_t sum(uint32_t, const uint8_t *, size_t n);
unsigned fold(uint32_t);
/* Fills in an IPv4 header with n bytes behind it. Answers the frame's length. */
uint32_t ipv4_header(uint8_t *frame, unsigned protocol, uint32_t from, uint32_t to, uint32_t n);
/* Asks who has `whose`. Answers the frame's length. */
uint32_t arp_request(uint8_t *frame, const uint8_t mac[6], uint32_t from, uint32_t whose);

#endif
