/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Somebody to whom datagrams go, and from whom they come: a UDP socket that is
 * connected to one address, and that never waits. Any thread.
 */
#ifndef GIM_UDP_H
#define GIM_UDP_H

#include "base/base.h"
#include "base/error.h"

struct gim_udp {
	int fd;				/* readable when there may be a datagram; -1: none */
	u32 ip;				/* the peer's, if it has one of version 4, else 0 */
	u16 port;
};

/* @address: a name or a numeric address; it is looked up here and never again. */
int gim_udp_open(struct gim_udp *udp, const char *address, u16 port, struct error *err);
void gim_udp_close(struct gim_udp *udp);

/* -EAGAIN: no room, try later. What nobody receives is lost, and no error. */
int gim_udp_send(struct gim_udp *udp, const void *data, u32 size);
/*
 * The size of the datagram that came, 0: none is there, or none yet of a number
 * that were looked at. Those that are empty or larger than @size are dropped.
 */
u32 gim_udp_receive(struct gim_udp *udp, void *data, u32 size);

#endif
