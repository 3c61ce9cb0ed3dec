// SPDX-License-Identifier: GPL-2.0
/*
 * Each bad/NAME.cfg is refused with the line in bad/NAME.expect, which is
 * where a new case goes. A prefix of "tests/unit/cfgm/bad/" is left out there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema.h"

#define FOLDER "tests/unit/cfgm/bad/"
#define CASES_MIN 40

/* The text without the folder, wherever it stands in it. */
static void strip_folder(char *text)
{
	size_t len = strlen(FOLDER);
	char *at;

	while ((at = strstr(text, FOLDER)))
		memmove(at, at + len, strlen(at + len) + 1);
}

static void read_expected(const char *path, char *buf, size_t size)
{
	char name[256];
	FILE *f;

	snprintf(name, sizeof(name), "%.*s.expect", (int)(strlen(path) - strlen(".cfg")), path);
	f = fopen(name, "r");
	if (!f || !fgets(buf, size, f))
		fail_msg("%s is missing or empty", name);
	fclose(f);
	buf[strcspn(buf, "\n")] = 0;
}

static void test_refused(void **state)
{
	struct error err = { 0 };
	char expect[512] = "";
	struct cfgm *cfg;
	int ret;

	read_expected(*state, expect, sizeof(expect));
	ret = cfgm_load(&cfg, *state, NULL, 0, schema, &err);
	assert_true(ret < 0);
	assert_int_equal(ret, -err.code);
	strip_folder(err.text);
	assert_string_equal(err.text, expect);
}

int main(void)
{
	struct CMUnitTest *tests;
	glob_t found;
	int ret;

	if (glob(FOLDER "*.cfg", 0, NULL, &found) || found.gl_pathc < CASES_MIN)
		return 1;
	tests = calloc(found.gl_pathc, sizeof(*tests));
	for (size_t i = 0; tests && i < found.gl_pathc; i++)
		tests[i] = (struct CMUnitTest) {
			.name = found.gl_pathv[i], .test_func = test_refused,
			.initial_state = found.gl_pathv[i],
		};
	ret = tests ? _cmocka_run_group_tests("bad", tests, found.gl_pathc, NULL, NULL) : 1;
	free(tests);
	globfree(&found);
	return ret;
}
