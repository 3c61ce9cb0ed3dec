// SPDX-License-Identifier: GPL-2.0
/* See hyperv_frame.h. Pure; all numbers in a frame are big-endian. */
#include "gim/hyperv_frame.h"

#define ETHER_SIZE	14
#define ETHER_TYPE	12
#define ETHER_TYPE_IPV4	0x0800

#define IP_SIZE		20		/* without options */
#define IP_LENGTH	2
#define IP_FRAGMENT	6
#define IP_MORE		0x3fff		/* of IP_FRAGMENT: where it lies, and that more follow */
#define IP_TTL		8
#define IP_PROTOCOL	9
#define IP_CHECKSUM	10
#define IP_SOURCE	12
#define IP_TARGET	16
#define IP_UDP		17

#define UDP_SIZE	8
#define UDP_SOURCE	0
#define UDP_TARGET	2
#define UDP_LENGTH	4
#define UDP_CHECKSUM	6
#define UDP_PORT_DHCP	67

static u16 get16(const u8 *p) { return p[0] << 8 | p[1]; }
static u32 get32(const u8 *p) { return (u32)get16(p) << 16 | get16(p + 2); }

static void put16(u8 *p, u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* ---- from the guest ------------------------------------------------------------------ */

/* The datagram of UDP in this packet of IP, cut to its length; NULL: none, or a part. */
static const u8 *frame_udp(const u8 *ip, u32 size, u32 *udp_size)
{
	u32 header, length;

	if (size < IP_SIZE || ip[0] >> 4 != 4)
		return NULL;
	header = (ip[0] & 15) * 4;
	/* What follows it makes a short frame as long as Ethernet wants it. */
	length = get16(ip + IP_LENGTH);
	if (header < IP_SIZE || length > size || length < header + UDP_SIZE ||
	    ip[IP_PROTOCOL] != IP_UDP || (get16(ip + IP_FRAGMENT) & IP_MORE))
		return NULL;
	*udp_size = get16(ip + header + UDP_LENGTH);
	return *udp_size >= UDP_SIZE && *udp_size <= length - header ? ip + header : NULL;
}

const u8 *hyperv_frame_open(const u8 *frame, u32 size, struct hyperv_flow *flow, u32 *carries)
{
	const u8 *ip = frame + ETHER_SIZE, *udp;
	u32 udp_size;

	if (size < ETHER_SIZE || get16(frame + ETHER_TYPE) != ETHER_TYPE_IPV4)
		return NULL;
	udp = frame_udp(ip, size - ETHER_SIZE, &udp_size);
	if (!udp || get16(udp + UDP_TARGET) == UDP_PORT_DHCP)
		return NULL;
	memcpy(flow->peer.mac, frame, sizeof(flow->peer.mac));
	memcpy(flow->guest.mac, frame + sizeof(flow->peer.mac), sizeof(flow->guest.mac));
	flow->guest.ip = get32(ip + IP_SOURCE);
	flow->peer.ip = get32(ip + IP_TARGET);
	flow->guest.port = get16(udp + UDP_SOURCE);
	flow->peer.port = get16(udp + UDP_TARGET);
	*carries = udp_size - UDP_SIZE;
	return udp + UDP_SIZE;
}

/* ---- to the guest -------------------------------------------------------------------- */

/* RFC 1071: words that are added, and what overflows them; an odd byte at the end counts. */
static u32 frame_sum(u32 sum, const u8 *data, u32 size)
{
	for (; size > 1; data += 2, size -= 2)
		sum += get16(data);
	if (size)
		sum += *data << 8;
	return sum;
}

static u16 frame_checksum(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

static void frame_ip(u8 *ip, const struct hyperv_flow *flow, u32 size)
{
	memset(ip, 0, IP_SIZE);
	ip[0] = 4 << 4 | IP_SIZE / 4;
	put16(ip + IP_LENGTH, size);
	ip[IP_TTL] = 64;
	ip[IP_PROTOCOL] = IP_UDP;
	put32(ip + IP_SOURCE, flow->peer.ip);
	put32(ip + IP_TARGET, flow->guest.ip);
	put16(ip + IP_CHECKSUM, frame_checksum(frame_sum(0, ip, IP_SIZE)));
}

void hyperv_frame_build(u8 *frame, const struct hyperv_flow *flow, const u8 *data, u32 carries)
{
	u8 *ip = frame + ETHER_SIZE, *udp = ip + IP_SIZE;
	u32 size = UDP_SIZE + carries, sum;
	u16 checksum;

	memcpy(frame, flow->guest.mac, sizeof(flow->guest.mac));
	memcpy(frame + sizeof(flow->guest.mac), flow->peer.mac, sizeof(flow->peer.mac));
	put16(frame + ETHER_TYPE, ETHER_TYPE_IPV4);
	frame_ip(ip, flow, IP_SIZE + size);
	put16(udp + UDP_SOURCE, flow->peer.port);
	put16(udp + UDP_TARGET, flow->guest.port);
	put16(udp + UDP_LENGTH, size);
	put16(udp + UDP_CHECKSUM, 0);
	memcpy(udp + UDP_SIZE, data, carries);
	/* The addresses count, too; and 0 would mean that there is none. */
	sum = frame_sum(IP_UDP + size, ip + IP_SOURCE, 8);
	checksum = frame_checksum(frame_sum(sum, udp, size));
	put16(udp + UDP_CHECKSUM, checksum ? checksum : 0xffff);
}
