// SPDX-License-Identifier: GPL-2.0
/*
 * A good config, mutated some thousand times from a fixed seed: each is
 * loaded or refused with one line, and the sanitizers watch. That the process
 * is still there afterwards is part of the test, since libconfig may exit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "schema.h"

#define ROUNDS 20000
#define TEXT_MAX 4096

static u64 seed = 0x5eed;

/* xorshift64 */
static u32 any(u32 below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 16) % below;
}

static const char *const pieces[] = {
	"{", "}", "(", ")", "[", "]", "\"", ";", ",", "=", ":", "/*", "*/", "//", "#", "\\", "\n",
	"@include \"/\"", "\n@include \"/dev/null\"", "\n@include \"x\"", "-", "0x", "1e999",
	"99999999999999999999",
	"true", "\\x00", "\xff", "\t", "name", "type", "devices", "512M", ".5", "+", "*", "L",
};

static size_t insert(char *text, size_t len, size_t at, const char *piece, size_t n)
{
	if (len + n >= TEXT_MAX)
		return len;
	memmove(text + at + n, text + at, len - at);
	memcpy(text + at, piece, n);
	return len + n;
}

static size_t mutate(char *text, size_t len)
{
	size_t at = any(len + 1), n = min((size_t)any(20), len - at);
	const char *piece = pieces[any(ARRAY_SIZE(pieces))];
	char copy[20];

	switch (any(4)) {
	case 0:
		return insert(text, len, at, piece, strlen(piece));
	case 1:
		memmove(text + at, text + at + n, len - at - n);
		return len - n;
	case 2:
		memcpy(copy, text + at, n);
		return insert(text, len, any(len + 1), copy, n);
	default:
		if (at < len)
			text[at] = any(16) ? ' ' + any(95) : any(256);
		return len;
	}
}

static unsigned int loaded, refused;

static void load_one(const char *path, const char *const *overrides, unsigned int count)
{
	struct error err = { 0 };
	struct cfgm *cfg = NULL;
	int ret = cfgm_load(&cfg, path, overrides, count, schema, &err);

	if (!ret) {
		assert_in_range(cfgm_int(cfgm_root(cfg), "cpus"), 1, 255);
		cfgm_destroy(cfg);
		loaded++;
		return;
	}
	assert_int_equal(ret, -err.code);
	assert_true(strlen(err.text) > 3);
	assert_null(strchr(err.text, '\n'));
	assert_null(strchr(err.text, '\033'));
	refused++;
}

static size_t read_good(char *text, size_t size)
{
	FILE *f = fopen("tests/unit/cfgm/good.cfg", "r");
	size_t len;

	assert_non_null(f);
	len = fread(text, 1, size, f);
	fclose(f);
	assert_in_range(len, 100, size / 2);
	return len;
}

static void test_files(void **state)
{
	char good[TEXT_MAX], text[TEXT_MAX], path[64];
	size_t good_len = read_good(good, sizeof(good)), len;
	int fd = memfd_create("config", 0);

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		memcpy(text, good, good_len);
		len = good_len;
		for (u32 n = 1 + any(4); n; n--)
			len = mutate(text, len);
		assert_int_equal(pwrite(fd, text, len, 0), len);
		assert_int_equal(ftruncate(fd, len), 0);
		load_one(path, NULL, 0);
	}
	close(fd);
	/* Neither all of the one nor all of the other, or it tests nothing. */
	assert_in_range(loaded, ROUNDS / 20, ROUNDS);
	assert_in_range(refused, ROUNDS / 20, ROUNDS);
}

static void test_overrides(void **state)
{
	static const char *const seeds[] = {
		"devices.[0].backend.path=\"/dev/x\"", "disable=(\"avx\", \"sse\")", "memory=512M",
		"boot={ kernel = \"x\"; modules = ({ path = \"y\"; }); }",
		"devices.[3].type=serial",
	};
	char text[TEXT_MAX];
	const char *override = text;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const char *from = seeds[any(ARRAY_SIZE(seeds))];
		size_t len = strlen(from);

		memcpy(text, from, len);
		for (u32 n = any(4); n; n--)
			len = mutate(text, len);
		text[len] = 0;
		load_one(NULL, &override, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_overrides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
