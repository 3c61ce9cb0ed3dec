// SPDX-License-Identifier: GPL-2.0
/*
 * See udp.h. The kernel tells a connected socket when an earlier datagram was
 * refused; as with any network, that one is lost, and whoever cares sends again.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gim/udp.h"

/* Datagrams that are dropped in one go. */
#define DROP_MAX	16

static int udp_connect(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
			to->ai_protocol);
	int ret;

	if (fd < 0)
		return -errno;
	if (!connect(fd, to->ai_addr, to->ai_addrlen))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int gim_udp_open(struct gim_udp *udp, const char *address, u16 port, struct error *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list, *to;
	char service[8];
	int ret;

	*udp = (struct gim_udp){ .fd = -1, .port = port };
	snprintf(service, sizeof(service), "%u", port);
	ret = getaddrinfo(address, service, &hints, &list);
	if (ret)
		return error_set(err, EHOSTUNREACH, "%s: %s", address, gai_strerror(ret));
	for (to = list; to && udp->fd < 0; to = to->ai_next) {
		ret = udp_connect(to);
		if (ret < 0)
			continue;
		udp->fd = ret;
		if (to->ai_family == AF_INET)
			udp->ip = ntohl(((struct sockaddr_in *)to->ai_addr)->sin_addr.s_addr);
	}
	freeaddrinfo(list);
	return ret < 0 ? error_errno(err, -ret, "%s", address) : 0;
}

void gim_udp_close(struct gim_udp *udp)
{
	if (udp->fd >= 0)
		close(udp->fd);
	udp->fd = -1;
}

int gim_udp_send(struct gim_udp *udp, const void *data, u32 size)
{
	ssize_t sent = send(udp->fd, data, size, MSG_NOSIGNAL);

	/* That was about an earlier one. */
	if (sent < 0 && errno == ECONNREFUSED)
		sent = send(udp->fd, data, size, MSG_NOSIGNAL);
	return sent < 0 && (errno == EAGAIN || errno == ENOBUFS) ? -EAGAIN : 0;
}

u32 gim_udp_receive(struct gim_udp *udp, void *data, u32 size)
{
	for (int i = 0; i < DROP_MAX; i++) {
		ssize_t got = recv(udp->fd, data, size, MSG_TRUNC);

		if (got > 0 && got <= size)
			return got;
		if (got < 0 && errno == EAGAIN)
			break;
	}
	return 0;
}
