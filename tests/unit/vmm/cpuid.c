// SPDX-License-Identifier: GPL-2.0
/* The CPUID table: features taken away with what needs them, topology, clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "gim/internal.h"
#include "vmm/cpuid.h"

#define SUB(l, s) .leaf = (l), .subleaf = (s), .flags = VMM_CPUID_SUBLEAF

static const struct vmm_cpuid_entry offer[] = {
	{ .leaf = 0, .eax = 0xd, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69 },
	{ .leaf = 1, .ebx = 0xff00, .ecx = 1 << 26 | 1 << 28 | 1 << 12 | 1U << 31, .edx = 1 << 28 },
	{ SUB(4, 0), .eax = 0x21 },
	{ SUB(4, 1), .eax = 0x63 },
	{ SUB(4, 2) },
	{ SUB(7, 0), .ebx = 1 << 5 | 1 << 16 | 1U << 31, .ecx = 1 << 3 },
	{ SUB(0xd, 0), .eax = 0x2e7, .ebx = 576, .ecx = 2696 },
	{ SUB(0xd, 2), .eax = 256, .ebx = 576 },
	{ SUB(0xd, 5), .eax = 64, .ebx = 1088 },
	{ SUB(0xd, 6), .eax = 512, .ebx = 1152 },
	{ SUB(0xd, 7), .eax = 1024, .ebx = 1664 },
	{ SUB(0xd, 9), .eax = 8, .ebx = 2688 },
	{ .leaf = 0x80000001, .edx = 1 << 29 },
	{ .leaf = 0x80000008, .eax = 0x3028 },
};

static const struct gim_provider loud = { .name = "loud", .hypervisor = true };
static const struct gim_provider silent = { .name = "silent" };

static void load(struct cpuid_policy *policy)
{
	memset(policy, 0, sizeof(*policy));
	memcpy(policy->entry, offer, sizeof(offer));
	policy->count = ARRAY_SIZE(offer);
}

static void apply(struct cpuid_policy *policy, u32 cpus,
		  const struct gim_provider *provider)
{
	struct gim_config gim_config = {
		.provider = provider, .facts = { .tsc_khz = 2596078, .bus_khz = CPUID_BUS_KHZ },
	};
	struct cpuid_config config = { .cpus = cpus, .tsc_khz = 2596078 };
	struct gim *gim;

	assert_int_equal(gim_create(&gim, &gim_config, NULL), 0);
	config.gim = gim;
	assert_int_equal(cpuid_apply(policy, &config, NULL), 0);
	gim_destroy(gim);
}

static void test_disable_takes_what_needs_it(void **state)
{
	struct cpuid_policy policy;
	struct error err = { 0 };

	load(&policy);
	assert_int_equal(cpuid_disable(&policy, "avx512g", &err), -ENOENT);
	assert_non_null(strstr(err.text, "avx512g"));
	assert_int_equal(cpuid_disable(&policy, "avx512f", &err), 0);
	/* AVX-512VL goes with it, AVX2 stays. */
	assert_int_equal(cpuid_find(&policy, 7, 0)->ebx, 1 << 5);
	apply(&policy, 1, &silent);
	assert_int_equal(cpuid_find(&policy, 0xd, 0)->eax, 0x207);
	assert_int_equal(cpuid_find(&policy, 0xd, 0)->ecx, 2696);

	load(&policy);
	assert_int_equal(cpuid_disable(&policy, "pku", &err), 0);
	assert_int_equal(cpuid_disable(&policy, "avx", &err), 0);
	apply(&policy, 1, &silent);
	assert_int_equal(cpuid_find(&policy, 7, 0)->ebx, 0);
	assert_int_equal(cpuid_find(&policy, 1, 0)->ecx & (1 << 12), 0);
	assert_int_equal(cpuid_find(&policy, 0xd, 0)->eax, 3);
	assert_int_equal(cpuid_find(&policy, 0xd, 0)->ecx, 576);

	load(&policy);
	assert_int_equal(cpuid_disable(&policy, "xsave", &err), 0);
	apply(&policy, 1, &silent);
	assert_int_equal(cpuid_find(&policy, 0xd, 0)->ecx, 0);
	assert_int_equal(cpuid_find(&policy, 1, 0)->ecx & (1 << 28), 0);
}

static void test_topology(void **state)
{
	struct cpuid_policy policy;

	load(&policy);
	apply(&policy, 3, &silent);
	assert_int_equal(cpuid_find(&policy, 1, 0)->ebx, 0xff00 | 4 << 16);
	assert_true(cpuid_find(&policy, 1, 0)->edx & 1 << 28);
	assert_int_equal(cpuid_find(&policy, 4, 0)->eax >> 14, 3 << 12);
	assert_int_equal(cpuid_find(&policy, 4, 1)->eax >> 14, 3 << 12 | 3);
	assert_int_equal(cpuid_find(&policy, 4, 2)->eax, 0);
	assert_int_equal(cpuid_find(&policy, 0xb, 0)->ebx, 1);
	assert_int_equal(cpuid_find(&policy, 0xb, 1)->eax, 2);
	assert_int_equal(cpuid_find(&policy, 0xb, 1)->ebx, 3);
	assert_int_equal(cpuid_find(&policy, 0xb, 2)->ebx, 0);

	load(&policy);
	apply(&policy, 1, &silent);
	assert_false(cpuid_find(&policy, 1, 0)->edx & 1 << 28);
	/* The most there can be: no field may run into the next. */
	load(&policy);
	apply(&policy, 255, &silent);
	assert_int_equal(cpuid_find(&policy, 1, 0)->ebx, 0xff00 | 255 << 16);
}

static void test_hypervisor_bit(void **state)
{
	struct cpuid_policy policy;

	load(&policy);
	apply(&policy, 1, &loud);
	assert_true(cpuid_find(&policy, 1, 0)->ecx >> 31);
	load(&policy);
	apply(&policy, 1, &silent);
	assert_false(cpuid_find(&policy, 1, 0)->ecx >> 31);
	assert_null(cpuid_find(&policy, 0x40000000, 0));
}

static void test_minimal(void **state)
{
	const struct gim_provider *gim;
	struct cpuid_policy policy;
	struct error err = { 0 };

	if (gim_find(&gim, "minimal", &err)) {
		/* A weak reference does not pull it out of an archive. */
		assert_non_null(strstr(err.text, "not built in"));
	} else {
		load(&policy);
		apply(&policy, 1, gim);
		assert_int_equal(cpuid_find(&policy, 0x40000000, 0)->eax, 0x40000010);
		assert_int_equal(cpuid_find(&policy, 0x40000010, 0)->eax, 2596078);
		assert_int_equal(cpuid_find(&policy, 0x40000010, 0)->ebx, CPUID_BUS_KHZ);
	}
	assert_int_equal(gim_find(&gim, "no-such", &err), -ENODEV);
	assert_non_null(strstr(err.text, "does not exist"));
}

/* Linux computes crystal kHz * EBX / EAX in 32 bits. */
static void test_frequency(void **state)
{
	static const u32 khz[] = { 1000, 50000, 999999, 1000000, 2596078, 3499999, 4200123 };
	struct cpuid_policy policy;

	for (unsigned int i = 0; i < ARRAY_SIZE(khz); i++) {
		u32 n, d;
		s64 got;

		cpuid_ratio(khz[i], CPUID_BUS_KHZ, UINT32_MAX / CPUID_BUS_KHZ, &n, &d);
		assert_true((u64)CPUID_BUS_KHZ * n <= UINT32_MAX && d);
		got = (u32)(CPUID_BUS_KHZ * n) / d;
		/* 50 ppm, and what the last digit is worth. */
		assert_true(llabs(got - (s64)khz[i]) <= khz[i] / 20000 + 1);
	}
	load(&policy);
	apply(&policy, 1, &silent);
	assert_int_equal(cpuid_find(&policy, 0, 0)->eax, 0x16);
	assert_int_equal(cpuid_find(&policy, 0x15, 0)->ecx, 1000000000);
	assert_int_equal(cpuid_find(&policy, 0x16, 0)->eax, 2596);
}

static void test_xsave_layout(void **state)
{
	struct cpuid_policy policy;
	struct em_xsave xsave = { 0 };

	load(&policy);
	cpuid_xsave_layout(&policy, &xsave);
	assert_int_equal(xsave.ymm_offset, 576);
	assert_int_equal(xsave.zmm_offset, 1152);
	assert_int_equal(xsave.hi16_offset, 1664);
	cpuid_find(&policy, 0xd, 0)->eax = 7;
	cpuid_xsave_layout(&policy, &xsave);
	assert_int_equal(xsave.ymm_offset, 576);
	assert_int_equal(xsave.zmm_offset, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disable_takes_what_needs_it),
		cmocka_unit_test(test_topology),
		cmocka_unit_test(test_hypervisor_bit),
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_frequency),
		cmocka_unit_test(test_xsave_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
