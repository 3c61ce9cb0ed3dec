// SPDX-License-Identifier: GPL-2.0
/* Pages over the guest's memory: moved, disabled, one on another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gim/hyperv.h"

#define A	0x1000ULL
#define B	0x2000ULL
#define ON	HV_PAGE_ENABLE

static struct gim gim;
static struct hyperv hv;
static struct hyperv_page one, two, three;

static int setup(void **state)
{
	struct pgm_config config = { .ram_bytes = 1 << 20 };

	hv.gim = &gim;
	return pgm_create(&gim.config.pgm, NULL, &config, NULL);
}

static int teardown(void **state)
{
	hyperv_page_forget(&hv, &one);
	hyperv_page_forget(&hv, &two);
	hyperv_page_forget(&hv, &three);
	pgm_destroy(gim.config.pgm);
	return 0;
}

static u8 *at(gpa_t gpa) { return pgm_host(gim.config.pgm, gpa, HV_PAGE_SIZE, false); }

static void test_moves(void **state)
{
	memset(at(A), 'a', HV_PAGE_SIZE);
	memset(at(B), 'b', HV_PAGE_SIZE);
	assert_int_equal(hyperv_page_set(&hv, &one, A | ON), 0);
	assert_int_equal(at(A)[5], 0);
	at(A)[5] = 'x';
	/* It takes its content along, and writing the same changes nothing. */
	assert_int_equal(hyperv_page_set(&hv, &one, B | ON | 4), 0);
	assert_int_equal(at(A)[5], 'a');
	assert_int_equal(at(B)[5], 'x');
	assert_int_equal(hyperv_page_set(&hv, &one, B | ON), 0);
	assert_int_equal(at(B)[5], 'x');
	assert_int_equal(hyperv_page_set(&hv, &one, B), 0);
	assert_int_equal(at(B)[5], 'b');
	assert_true(one.value == B && !one.now);
	/* Not RAM: all stays. */
	assert_int_equal(hyperv_page_set(&hv, &one, A | ON), 0);
	assert_int_equal(hyperv_page_set(&hv, &one, 0xa0000 | ON), -EINVAL);
	assert_int_equal(hyperv_page_set(&hv, &one, ~0ULL), -EINVAL);
	assert_true(one.value == (A | ON));
	assert_int_equal(hyperv_page_set(&hv, &one, 0), 0);
	assert_null(hv.pages);
}

/* Three on one another go in each order; the last leaves what was there. */
static void test_stack(void **state)
{
	struct hyperv_page *p[] = { &one, &two, &three };
	static const u8 orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		memset(at(A), 'a', HV_PAGE_SIZE);
		for (int j = 0; j < 3; j++) {
			assert_int_equal(hyperv_page_set(&hv, p[j], A | ON), 0);
			*at(A) = '1' + j;
		}
		assert_int_equal(hyperv_page_set(&hv, p[orders[i][0]], 0), 0);
		assert_int_equal(*at(A), orders[i][0] == 2 ? '2' : '3');
		assert_int_equal(hyperv_page_set(&hv, p[orders[i][1]], 0), 0);
		assert_int_equal(*at(A), '1' + orders[i][2]);
		assert_int_equal(hyperv_page_set(&hv, p[orders[i][2]], 0), 0);
		assert_int_equal(*at(A), 'a');
	}
	assert_null(hv.pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_stack),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
