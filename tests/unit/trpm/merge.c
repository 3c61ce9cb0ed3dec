// SPDX-License-Identifier: GPL-2.0
/* Every pair of the double-fault table, and what is in delivery besides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base.h"
#include "vmm/trpm/merge.h"

static struct trpm_event exception(u8 vector)
{
	return (struct trpm_event) {
		.type = TRPM_EVENT_EXCEPTION, .vector = vector,
		.has_error = trpm_has_error(vector), .error = 0x10, .payload = 0x1234,
	};
}

struct pair {
	u8 first, second;
	enum trpm_merge want;
};

static const struct pair pairs[] = {
	/* benign first, or benign second: one after the other */
	{ TRPM_VECTOR_DB, TRPM_VECTOR_PF, TRPM_MERGE_ALONE },
	{ TRPM_VECTOR_UD, TRPM_VECTOR_GP, TRPM_MERGE_ALONE },
	{ TRPM_VECTOR_GP, TRPM_VECTOR_DB, TRPM_MERGE_ALONE },
	{ TRPM_VECTOR_PF, TRPM_VECTOR_AC, TRPM_MERGE_ALONE },
	{ TRPM_VECTOR_DF, TRPM_VECTOR_DB, TRPM_MERGE_ALONE },
	/* contributory */
	{ TRPM_VECTOR_DE, TRPM_VECTOR_GP, TRPM_MERGE_DOUBLE },
	{ TRPM_VECTOR_GP, TRPM_VECTOR_NP, TRPM_MERGE_DOUBLE },
	{ TRPM_VECTOR_TS, TRPM_VECTOR_SS, TRPM_MERGE_DOUBLE },
	{ TRPM_VECTOR_CP, TRPM_VECTOR_GP, TRPM_MERGE_DOUBLE },
	{ TRPM_VECTOR_GP, TRPM_VECTOR_PF, TRPM_MERGE_ALONE },
	/* page fault */
	{ TRPM_VECTOR_PF, TRPM_VECTOR_PF, TRPM_MERGE_DOUBLE },
	{ TRPM_VECTOR_PF, TRPM_VECTOR_GP, TRPM_MERGE_DOUBLE },
	/* double fault */
	{ TRPM_VECTOR_DF, TRPM_VECTOR_PF, TRPM_MERGE_TRIPLE },
	{ TRPM_VECTOR_DF, TRPM_VECTOR_GP, TRPM_MERGE_TRIPLE },
	{ TRPM_VECTOR_DF, TRPM_VECTOR_DF, TRPM_MERGE_TRIPLE },
};

static void test_pairs(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct trpm_event first = exception(pairs[i].first);
		struct trpm_event second = exception(pairs[i].second);
		struct trpm_event raised = second;

		assert_int_equal(trpm_merge(&first, &second), pairs[i].want);
		if (pairs[i].want != TRPM_MERGE_DOUBLE) {
			assert_memory_equal(&second, &raised, sizeof(raised));
			continue;
		}
		assert_int_equal(second.vector, TRPM_VECTOR_DF);
		assert_int_equal(second.has_error, 1);
		assert_int_equal(second.error, 0);
		assert_int_equal(second.payload, 0);
	}
}

static void test_nothing_pending(void **state)
{
	struct trpm_event none = { .type = TRPM_EVENT_NONE, .vector = TRPM_VECTOR_DF };
	struct trpm_event pf = exception(TRPM_VECTOR_PF);

	assert_int_equal(trpm_merge(&none, &pf), TRPM_MERGE_ALONE);
	assert_int_equal(pf.payload, 0x1234);
}

static void test_interrupts_are_kept(void **state)
{
	/* Vector 13 as an interrupt is not #GP. */
	struct trpm_event intr = { .type = TRPM_EVENT_INTR, .vector = TRPM_VECTOR_GP };
	struct trpm_event nmi = { .type = TRPM_EVENT_NMI, .vector = TRPM_VECTOR_NMI };
	struct trpm_event pf = exception(TRPM_VECTOR_PF);

	assert_int_equal(trpm_merge(&intr, &pf), TRPM_MERGE_THEN_PENDING);
	assert_int_equal(trpm_merge(&nmi, &pf), TRPM_MERGE_THEN_PENDING);
	assert_int_equal(pf.vector, TRPM_VECTOR_PF);
}

static void test_software_events_run_again(void **state)
{
	struct trpm_event soft = { .type = TRPM_EVENT_SOFT_INTR, .vector = TRPM_VECTOR_GP };
	struct trpm_event gp = exception(TRPM_VECTOR_GP);

	assert_int_equal(trpm_merge(&soft, &gp), TRPM_MERGE_ALONE);
	soft.type = TRPM_EVENT_SOFT_EXC;
	assert_int_equal(trpm_merge(&soft, &gp), TRPM_MERGE_ALONE);
}

static void test_hostile_vector(void **state)
{
	struct trpm_event odd = exception(255), gp = exception(TRPM_VECTOR_GP);

	assert_int_equal(trpm_merge(&odd, &gp), TRPM_MERGE_ALONE);
	assert_int_equal(trpm_merge(&gp, &odd), TRPM_MERGE_ALONE);
	assert_false(trpm_has_error(255));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_nothing_pending),
		cmocka_unit_test(test_interrupts_are_kept),
		cmocka_unit_test(test_software_events_run_again),
		cmocka_unit_test(test_hostile_vector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
