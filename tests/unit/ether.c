// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/ether.h"
#include <string.h>

void put_be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, v >> 16);
	put_be16(p + 2, v & 0xffff);
}

unsigned get_be16(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : p[i] * 256u;
	return s;
}

unsigned fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

uint32_t ipv4_header(uint8_t *frame, unsigned protocol, uint32_t from, uint32_t to, uint32_t n)
{
	uint8_t *ip = frame + IP_AT;

	put_be16(frame + 12, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put_be16(ip + 2, 20 + n);
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put_be32(ip + 12, from);
	put_be32(ip + 16, to);
	put_be16(ip + 10, ~fold(sum(0, ip, 20)) & 0xffff);
	return L4_AT + n;
}

uint32_t arp_request(uint8_t *frame, const uint8_t mac[6], uint32_t from, uint32_t whose)
{
	uint8_t *a = frame + IP_AT;

	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	put_be16(frame + 12, 0x0806);
	memset(a, 0, 28);
	put_be16(a, 1);
	put_be16(a + 2, 0x0800);
	a[4] = 6;
	a[5] = 4;
	put_be16(a + 6, 1);
	memcpy(a + 8, mac, 6);
	put_be32(a + 14, from);
	put_be32(a + 24, whose);
	return 42;
}
