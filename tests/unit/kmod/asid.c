// SPDX-License-Identifier: GPL-2.0
/*
 * Tags of the TLB: emulators flush everything at each switch, so that a tag
 * used twice without a flush can only show here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kmod/asid.c"

static void test_first_flushes(void **state)
{
	struct asid_pool pool = { 0 };
	struct asid_tag tag = { 0 };

	asid_pool_init(&pool, 1, 15);
	assert_false(asid_is_good(&pool, &tag));
	assert_true(asid_get(&pool, &tag));
	assert_int_equal(tag.asid, 1);
	assert_true(asid_is_good(&pool, &tag));
	/* Asked again, it stays. */
	assert_false(asid_get(&pool, &tag));
	assert_int_equal(tag.asid, 1);
}

static void test_drop_is_a_new_tag(void **state)
{
	struct asid_pool pool = { 0 };
	struct asid_tag tag = { 0 };

	asid_pool_init(&pool, 1, 15);
	asid_get(&pool, &tag);
	asid_drop(&tag);
	assert_false(asid_is_good(&pool, &tag));
	assert_false(asid_get(&pool, &tag));
	assert_int_equal(tag.asid, 2);
}

/* No tag is given twice between two flushes, and a flush voids all others. */
static void test_never_twice(void **state)
{
	struct asid_tag tags[8] = { 0 };
	struct asid_pool pool = { 0 };
	bool used[6] = { false };

	srand(1);
	asid_pool_init(&pool, 1, 5);
	for (unsigned int round = 0; round < 10000; round++) {
		struct asid_tag *tag = &tags[rand() % ARRAY_SIZE(tags)];
		bool good = asid_is_good(&pool, tag);

		if (rand() % 4 == 0)
			asid_drop(tag), good = false;
		if (asid_get(&pool, tag))
			memset(used, 0, sizeof(used));
		assert_in_range(tag->asid, 1, 5);
		if (!good)
			assert_false(used[tag->asid]);
		used[tag->asid] = true;
		for (unsigned int i = 0; i < ARRAY_SIZE(tags); i++)
			if (&tags[i] != tag && asid_is_good(&pool, &tags[i]))
				assert_int_not_equal(tags[i].asid, tag->asid);
	}
}

static void test_other_cpu(void **state)
{
	struct asid_pool here = { 0 }, there = { 0 };
	struct asid_tag tag = { 0 };

	asid_pool_init(&here, 1, 15);
	asid_pool_init(&there, 1, 15);
	asid_get(&here, &tag);
	assert_false(asid_is_good(&there, &tag));
	assert_true(asid_get(&there, &tag));
	/* Back again: what the first CPU still holds under the old tag is void. */
	assert_false(asid_is_good(&here, &tag));
	assert_false(asid_get(&here, &tag));
	assert_int_equal(tag.asid, 2);
}

/* A CPU that was off and on again knows no tag of before. */
static void test_cpu_off_and_on(void **state)
{
	struct asid_pool pool = { 0 };
	struct asid_tag tag = { 0 };

	asid_pool_init(&pool, 1, 15);
	asid_get(&pool, &tag);
	asid_pool_init(&pool, 1, 15);
	assert_false(asid_is_good(&pool, &tag));
	assert_true(asid_get(&pool, &tag));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_flushes),
		cmocka_unit_test(test_drop_is_a_new_tag),
		cmocka_unit_test(test_never_twice),
		cmocka_unit_test(test_other_cpu),
		cmocka_unit_test(test_cpu_off_and_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
