// SPDX-License-Identifier: GPL-2.0
/*
 * debugger PORT: what a guest under debugging talks to in its tests: a UDP
 * socket on 127.0.0.1 that does what the first byte of a datagram says, and
 * answers whoever sent it. Two numbers, 16 bits each, may follow the byte.
 *
 *   e        sends it back
 *   l MS     sends it back after so many milliseconds
 *   n N SIZE sends N datagrams of SIZE bytes, each with its number in front
 *   z        sends an empty one, one larger than a page, and this one
 *   c MS     closes the socket for so many milliseconds
 *
 * It prints "ready" once it listens, and never ends by itself.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE_MAX_UDP	65507

static int port;
static int fd;
static uint8_t in[SIZE_MAX_UDP], out[SIZE_MAX_UDP];
static struct sockaddr_in from;

static void listen_there(void)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)))
		err(1, "port %d", port);
}

static void answer(const void *data, size_t size)
{
	sendto(fd, data, size, 0, (struct sockaddr *)&from, sizeof(from));
}

static void answer_many(uint16_t count, uint16_t size)
{
	memset(out, 'n', sizeof(out));
	for (uint16_t i = 0; i < count; i++) {
		memcpy(out, &i, sizeof(i));
		answer(out, size);
	}
}

static void serve(const uint8_t *data, size_t size)
{
	uint16_t number[2] = { 0 };

	memcpy(number, data + 1, size < 5 ? size - 1 : 4);
	switch (data[0]) {
	case 'l':
		usleep(number[0] * 1000);
		/* fall through */
	case 'e':
		answer(data, size);
		break;
	case 'n':
		answer_many(number[0], number[1]);
		break;
	case 'z':
		answer(data, 0);
		answer(out, 4097);
		answer(data, size);
		break;
	case 'c':
		close(fd);
		usleep(number[0] * 1000);
		listen_there();
		break;
	}
}

int main(int argc, char **argv)
{
	port = argc > 1 ? atoi(argv[1]) : 0;
	listen_there();
	puts("ready");
	fflush(stdout);
	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t size = recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &length);

		if (size > 0)
			serve(in, size);
	}
}
