// SPDX-License-Identifier: GPL-2.0
/* Which clock the module is told to keep, on hosts that can do more and less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tm/scale.h"
#include "tm/tm.h"
#include "vmm/hm.h"

#define HOST_KHZ	2000000
#define ALL		(VMM_FEATURE_TSC_STABLE | VMM_FEATURE_TSC_SCALING)

/* The module, as far as TM sees it. */
static struct vmm_info info;
static struct vmm_clock told;

const struct vmm_info *hm_vm_info(const struct hm_vm *vm)
{
	return &info;
}

int hm_vm_clock_set(struct hm_vm *vm, const struct vmm_clock *clock)
{
	told = *clock;
	return 0;
}

int hm_vm_clock_get(struct hm_vm *vm, struct vmm_clock *clock)
{
	*clock = told;
	return 0;
}

struct row {
	const char *what;
	struct tm_speed speed;
	u64 features;
	int ret;
	u32 khz;
	bool emulated;
	u64 ns_ratio, tsc_ratio;
};

#define ONE TM_RATIO_ONE

static const struct row rows[] = {
	{ "nothing asked for", { 0 }, ALL, 0, HOST_KHZ, false, ONE, ONE },
	{ "emulated", { .tsc_emulated = true }, ALL, 0, HOST_KHZ, true, ONE, ONE },
	{ "warp", { .warp = 50 }, ALL, 0, HOST_KHZ, false, ONE / 2, ONE / 2 },
	{ "warp without scaling", { .warp = 200 }, VMM_FEATURE_TSC_STABLE, 0, HOST_KHZ, true,
	  ONE * 2, ONE * 2 },
	{ "no trust", { 0 }, VMM_FEATURE_TSC_SCALING, 0, HOST_KHZ, true, ONE, ONE },
	{ "kHz", { .tsc_khz = 3000000 }, ALL, 0, 3000000, false, ONE, ONE * 3 / 2 },
	{ "kHz without scaling", { .tsc_khz = 3000000 }, VMM_FEATURE_TSC_STABLE, 0, 3000000, true,
	  ONE, ONE * 3 / 2 },
	{ "the host's kHz", { .tsc_khz = HOST_KHZ }, VMM_FEATURE_TSC_STABLE, 0, HOST_KHZ, false,
	  ONE, ONE },
	{ "kHz at a warp", { .warp = 50, .tsc_khz = 4000000 }, VMM_FEATURE_TSC_STABLE, 0, 4000000,
	  false, ONE / 2, ONE },
	{ "the most", { .warp = 20000 }, ALL, 0, HOST_KHZ, false, ONE * 200, ONE * 200 },
	{ "the least", { .warp = 2 }, ALL, 0, HOST_KHZ, false, ONE / 50, ONE / 50 },
	{ "warp too slow", { .warp = 1 }, .features = ALL, .ret = -ERANGE },
	{ "warp too fast", { .warp = 20001 }, .features = ALL, .ret = -ERANGE },
	{ "warp beyond all", { .warp = UINT32_MAX }, .features = ALL, .ret = -ERANGE },
	{ "one kHz", { .tsc_khz = 1 }, .features = ALL, .ret = -ERANGE },
	{ "kHz too low", { .tsc_khz = TM_TSC_KHZ_MIN - 1 }, .features = ALL, .ret = -ERANGE },
	{ "kHz too high", { .tsc_khz = TM_TSC_KHZ_MAX + 1 }, .features = ALL, .ret = -ERANGE },
	{ "kHz beyond all", { .tsc_khz = UINT32_MAX }, .features = ALL, .ret = -ERANGE },
	{ "the product too high",
	  { .warp = 20000, .tsc_khz = HOST_KHZ + 1 }, .features = ALL, .ret = -ERANGE },
	{ "the product too low",
	  { .warp = 2, .tsc_khz = HOST_KHZ - 1 }, .features = ALL, .ret = -ERANGE },
	{ "too high to be emulated, too",
	  { .warp = 20000, .tsc_khz = HOST_KHZ + 1, .tsc_emulated = true },
	  .features = ALL, .ret = -ERANGE },
};

static void check(const struct row *row)
{
	struct error err = { 0 };
	struct tm_vm *tm;

	info = (struct vmm_info){ .tsc_khz = HOST_KHZ, .features = row->features };
	assert_int_equal(tm_create(&tm, (struct hm_vm *)&info, NULL), 0);
	assert_int_equal(tm_speed_set(tm, &row->speed, &err), row->ret);
	if (!row->ret) {
		assert_int_equal(tm_tsc_khz(tm), row->khz);
		tm_resume(tm);
		assert_int_equal(told.flags, VMM_CLOCK_RUNNING |
				 (row->emulated ? VMM_CLOCK_TSC_EMULATED : 0));
		assert_int_equal(told.ns_ratio, row->ns_ratio);
		assert_int_equal(told.tsc_ratio, row->tsc_ratio);
		tm_pause(tm);
		assert_int_equal(told.flags, row->emulated ? VMM_CLOCK_TSC_EMULATED : 0);
	}
	tm_destroy(tm);
}

static void test_rows(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		print_message("%s\n", rows[i].what);
		check(&rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
