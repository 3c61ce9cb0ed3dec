// SPDX-License-Identifier: GPL-2.0
/* A guest's debugger: what it keeps, and what a reset and the end make of it. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "gim/hyperv.h"

#define SEND_PAGE	0x1000ULL
#define RECEIVE_PAGE	0x2000ULL
#define PENDING_PAGE	0x3000ULL

static struct gim gim;
static struct hyperv hv;
static struct hyperv_vp vp = { .hv = &hv };
static struct sockaddr_in from;
static int peer;

static int setup(void **state)
{
	struct pgm_config config = { .ram_bytes = 1 << 20 };
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(here);

	peer = socket(AF_INET, SOCK_DGRAM, 0);
	if (peer < 0 || bind(peer, (struct sockaddr *)&here, sizeof(here)) ||
	    getsockname(peer, (struct sockaddr *)&here, &length))
		return -1;
	hv.gim = &gim;
	gim.config.debug = (struct gim_debug){ "127.0.0.1", ntohs(here.sin_port), false };
	return pgm_create(&gim.config.pgm, NULL, &config, NULL) ?: hyperv_debug_create(&hv, NULL);
}

static int teardown(void **state)
{
	hyperv_debug_destroy(hv.debug);
	pgm_destroy(gim.config.pgm);
	close(peer);
	return 0;
}

static u8 *at(gpa_t gpa) { return pgm_host(gim.config.pgm, gpa, HV_PAGE_SIZE, false); }

static u64 control(u64 value)
{
	u64 status;

	assert_int_equal(hyperv_debug_control_write(&vp, HV_MSR_SYNDBG_CONTROL, value), 0);
	assert_int_equal(hyperv_debug_read(&vp, HV_MSR_SYNDBG_STATUS, &status), 0);
	return status;
}

static void pages_set(void)
{
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(hyperv_debug_page_write(&vp, HV_MSR_SYNDBG_SEND + i,
							 SEND_PAGE + i * HV_PAGE_SIZE), 0);
}

/* The guest sends something, so that the peer knows where to. */
static void meet(void)
{
	socklen_t length = sizeof(from);
	char got[8];

	pages_set();
	memcpy(at(SEND_PAGE), "hello", 5);
	assert_int_equal(control(HV_SYNDBG_SEND | 5 << 16), HV_SYNDBG_SENT);
	assert_int_equal(recvfrom(peer, got, sizeof(got), 0, (struct sockaddr *)&from, &length), 5);
}

static void answer(const char *text)
{
	assert_int_equal(sendto(peer, text, strlen(text), 0, (struct sockaddr *)&from,
				sizeof(from)), strlen(text));
}

static bool becomes(u8 *byte, u8 value)
{
	for (int i = 0; i < 5000; i++) {
		if (__atomic_load_n(byte, __ATOMIC_ACQUIRE) == value)
			return true;
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	return false;
}

static void test_pending(void **state)
{
	meet();
	answer("one");
	assert_true(becomes(at(PENDING_PAGE), 1));
	assert_int_equal(control(HV_SYNDBG_RECEIVE), HV_SYNDBG_RECEIVED(3));
	assert_memory_equal(at(RECEIVE_PAGE), "one", 3);
	assert_int_equal(*at(PENDING_PAGE), 0);
	assert_int_equal(control(HV_SYNDBG_RECEIVE), 0);
	/* It may be asked for before it is told of. */
	answer("two");
	assert_int_equal(control(HV_SYNDBG_RECEIVE), HV_SYNDBG_RECEIVED(3));
	assert_int_equal(*at(PENDING_PAGE), 0);
}

/* Nothing is left of it, and nothing is written where the guest no longer expects it. */
static void test_reset(void **state)
{
	u64 value;

	meet();
	answer("one");
	answer("two");
	assert_true(becomes(at(PENDING_PAGE), 1));
	hyperv_debug_reset(hv.debug);
	for (u32 i = HV_MSR_SYNDBG_CONTROL; i <= HV_MSR_SYNDBG_PENDING; i++) {
		hyperv_debug_read(&vp, i, &value);
		assert_int_equal(value, 0);
	}
	*at(PENDING_PAGE) = 0x55;
	pages_set();
	assert_int_equal(*at(PENDING_PAGE), 0);
	assert_int_equal(control(HV_SYNDBG_RECEIVE), 0);
	hyperv_debug_reset(hv.debug);
	*at(PENDING_PAGE) = 0x55;
	answer("three");
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	assert_int_equal(*at(PENDING_PAGE), 0x55);
	/* It came after it, and counts. */
	pages_set();
	assert_int_equal(control(HV_SYNDBG_RECEIVE), HV_SYNDBG_RECEIVED(5));
}

/* With something waiting, and more behind it. */
static void test_end(void **state)
{
	meet();
	for (int i = 0; i < 100; i++)
		answer("more");
	assert_true(becomes(at(PENDING_PAGE), 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pending, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
