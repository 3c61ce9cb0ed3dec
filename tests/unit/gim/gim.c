// SPDX-License-Identifier: GPL-2.0
/* Which features a provider's guest gets: by the config, the host, each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gim/internal.h"

enum { A = 1, B = 2, C = 4, D = 8, E = 16, F = 32, G = 64 };

static const struct gim_feature features[] = {
	{ .name = "first-of-chain", .bit = C, .needs = B },
	{ .name = "alone", .bit = D },
	{ .name = "middle-of-chain", .bit = B, .needs = A },
	{ .name = "on-request", .bit = E, .on_request = true },
	{ .name = "end-of-chain", .bit = A, .host = 0x30 },
	{ .name = "without", .bit = F, .host_without = 0x100 },
	{ .name = "debug", .bit = G, .debug = true },
};

static const struct gim_provider provider = {
	.name = "test", .hypervisor = true,
	.features = features, .feature_count = ARRAY_SIZE(features),
};

static u64 features_of(u64 host, const char *disable, const char *enable)
{
	struct gim_config config = {
		.provider = &provider, .facts.host = host,
		.disable = &disable, .disable_count = disable ? 1 : 0,
		.enable = &enable, .enable_count = enable ? 1 : 0,
	};
	struct gim *gim;
	u64 got;

	assert_int_equal(gim_create(&gim, &config, NULL), 0);
	got = gim->features;
	gim_destroy(gim);
	return got;
}

static void test_choice(void **state)
{
	assert_int_equal(features_of(0x30, NULL, NULL), A | B | C | D | F);
	assert_int_equal(features_of(0x30, NULL, "on-request"), A | B | C | D | E | F);
	assert_int_equal(features_of(0x30, "alone", NULL), A | B | C | F);
	assert_int_equal(features_of(0x30, "first-of-chain", NULL), A | B | D | F);
	assert_int_equal(features_of(0x30, "on-request", "on-request"), A | B | C | D | F);
}

static void test_needs(void **state)
{
	assert_int_equal(features_of(0x30, "middle-of-chain", NULL), A | D | F);
	assert_int_equal(features_of(0x30, "end-of-chain", NULL), D | F);
	/* The host has half of what it must have, or what it must not. */
	assert_int_equal(features_of(0x10, NULL, NULL), D | F);
	assert_int_equal(features_of(0x130, NULL, NULL), A | B | C | D);
	assert_int_equal(features_of(0, NULL, "end-of-chain"), D | F);
}

/* Only if there is a debugger. */
static void test_debug(void **state)
{
	static const struct gim_provider other = { .name = "other", .features = features,
						   .feature_count = ARRAY_SIZE(features) - 1 };
	const char *name = "debug";
	struct gim_config config = { .provider = &provider, .debug.address = "somewhere" };
	struct gim *gim;

	assert_int_equal(features_of(0, NULL, "debug"), D | F);
	assert_int_equal(gim_create(&gim, &config, NULL), 0);
	assert_int_equal(gim->features, D | F | G);
	gim_destroy(gim);
	config.disable = &name;
	config.disable_count = 1;
	assert_int_equal(gim_create(&gim, &config, NULL), 0);
	assert_int_equal(gim->features, D | F);
	gim_destroy(gim);
	assert_true(gim_debugs(&provider));
	assert_false(gim_debugs(&other));
}

static void test_unknown(void **state)
{
	const char *names[] = { "alone", "onrequest" };
	struct gim_config config = {
		.provider = &provider, .disable = names, .disable_count = 2,
	};
	struct error err = { 0 };
	struct gim *gim;

	assert_int_equal(gim_create(&gim, &config, &err), -ENOENT);
	assert_string_equal(err.text, "test has no feature called \"onrequest\"; did you "
			    "mean on-request? It has first-of-chain, alone, middle-of-chain, "
			    "on-request, end-of-chain, without, debug");
	config.disable_count = 0;
	config.enable = names;
	config.enable_count = 2;
	names[1] = "qqq";
	assert_int_equal(gim_create(&gim, &config, &err), -ENOENT);
	assert_string_equal(err.text, "test has no feature called \"qqq\"; it has first-of-chain, "
			    "alone, middle-of-chain, on-request, end-of-chain, without, debug");
}

/* A provider that has neither MSRs nor calls. */
static void test_bare(void **state)
{
	struct gim_config config = { .provider = &provider };
	struct gim_call call = { 0 };
	struct gim *gim;
	u64 value;

	assert_int_equal(gim_create(&gim, &config, NULL), 0);
	assert_int_equal(gim_msr_read(gim, NULL, 0x12, &value), -ENOENT);
	assert_int_equal(gim_msr_write(gim, NULL, 0x12, 0), -ENOENT);
	assert_int_equal(gim_hypercall(gim, NULL, &call), -ENOSYS);
	assert_int_equal(gim_cpuid(gim, NULL, 0), 0);
	assert_true(gim_hypervisor(gim));
	gim_reset(gim);
	gim_destroy(gim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_debug),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
