// SPDX-License-Identifier: GPL-2.0
/* Datagrams to and from a peer that may be away. Real sockets, on this host. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "gim/udp.h"

static struct sockaddr_in here;

/* A peer on a port of the kernel's choice, or on that one again. */
static int peer_open(void)
{
	socklen_t length = sizeof(here);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	here.sin_family = AF_INET;
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &length), 0);
	return fd;
}

static void wait_readable(int fd)
{
	assert_int_equal(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 5000), 1);
}

/* The peer has got @text, and sends to whom it has it from. */
static void expect_text(int peer, const char *text, struct sockaddr_in *from)
{
	socklen_t length = sizeof(*from);
	char got[16] = "";

	wait_readable(peer);
	assert_int_equal(recvfrom(peer, got, sizeof(got), 0, (struct sockaddr *)from, &length),
			 strlen(text));
	assert_string_equal(got, text);
}

static void test_both_ways(void **state)
{
	static u8 large[5000], got[4096];
	int peer = peer_open();
	struct sockaddr_in from;
	struct error err = { 0 };
	struct gim_udp udp;

	assert_int_equal(gim_udp_open(&udp, "127.0.0.1", ntohs(here.sin_port), &err), 0);
	assert_int_equal(udp.ip, 0x7f000001);
	assert_int_equal(udp.port, ntohs(here.sin_port));
	assert_int_equal(gim_udp_receive(&udp, got, sizeof(got)), 0);
	assert_int_equal(gim_udp_send(&udp, "hello", 5), 0);
	expect_text(peer, "hello", &from);
	/* An empty one and one too large are dropped; one that fits exactly is not. */
	for (unsigned int i = 0; i < 3; i++) {
		static const u32 sizes[] = { 0, 4097, 4096 };

		large[0] = i;
		assert_int_equal(sendto(peer, large, sizes[i], 0, (struct sockaddr *)&from,
					sizeof(from)), sizes[i]);
	}
	wait_readable(udp.fd);
	assert_int_equal(gim_udp_receive(&udp, got, sizeof(got)), 4096);
	assert_int_equal(got[0], 2);
	assert_int_equal(gim_udp_receive(&udp, got, sizeof(got)), 0);
	/* Nobody else's come through. */
	close(peer);
	here.sin_port = 0;
	peer = peer_open();
	sendto(peer, "x", 1, 0, (struct sockaddr *)&from, sizeof(from));
	assert_int_equal(poll(&(struct pollfd){ udp.fd, POLLIN, 0 }, 1, 50), 0);
	close(peer);
	gim_udp_close(&udp);
	gim_udp_close(&udp);
}

static void test_nobody(void **state)
{
	static u8 large[65535];
	int peer = peer_open();
	struct sockaddr_in from;
	struct gim_udp udp;
	u8 got[16];

	assert_int_equal(gim_udp_open(&udp, "127.0.0.1", ntohs(here.sin_port), NULL), 0);
	close(peer);
	for (int i = 0; i < 5; i++)
		assert_int_equal(gim_udp_send(&udp, "x", 1), 0);
	/* That it was refused is said once, and then there is nothing. */
	assert_int_equal(gim_udp_receive(&udp, got, sizeof(got)), 0);
	assert_int_equal(poll(&(struct pollfd){ udp.fd, POLLIN, 0 }, 1, 0), 0);
	assert_int_equal(gim_udp_send(&udp, "x", 1), 0);
	peer = peer_open();
	/* The word about the last one takes nothing of this. */
	assert_int_equal(gim_udp_send(&udp, "there", 5), 0);
	expect_text(peer, "there", &from);
	/* Too large for any network: lost. */
	assert_int_equal(gim_udp_send(&udp, large, sizeof(large)), 0);
	close(peer);
	gim_udp_close(&udp);
}

static void test_no_address(void **state)
{
	static const char *const bad[] = { "", "a..b" };
	struct gim_udp udp;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = { 0 };

		assert_int_equal(gim_udp_open(&udp, bad[i], 50000, &err), -EHOSTUNREACH);
		assert_ptr_equal(strstr(err.text, bad[i]), err.text);
		assert_int_equal(udp.fd, -1);
	}
	/* Where nothing may go. */
	assert_true(gim_udp_open(&udp, "255.255.255.255", 50000, NULL) < 0);
	assert_int_equal(udp.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
