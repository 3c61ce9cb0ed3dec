// SPDX-License-Identifier: GPL-2.0
/* What a good config becomes: values, defaults, paths, overrides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema.h"

#define GOOD "tests/unit/cfgm/good.cfg"

static struct cfgm *load(const char *path, const char *const *overrides, unsigned int count)
{
	struct error err = { 0 };
	struct cfgm *cfg = NULL;

	if (cfgm_load(&cfg, path, overrides, count, schema, &err))
		fail_msg("%s", err.text);
	return cfg;
}

#define LOAD(path, ...) ({							\
	static const char *const _o[] = { __VA_ARGS__ };			\
	load(path, _o, ARRAY_SIZE(_o));						\
})

static void refuse(const char *override, const char *expect)
{
	struct error err = { 0 };
	struct cfgm *cfg;

	assert_int_equal(cfgm_load(&cfg, GOOD, &override, 1, schema, &err), -EINVAL);
	assert_string_equal(err.text, expect);
}

static void test_values(void **state)
{
	struct cfgm *cfg = LOAD(GOOD);
	const struct cfgm_node *root = cfgm_root(cfg), *boot = cfgm_group(root, "boot"), *dev;

	assert_string_equal(cfgm_string(root, "name"), "debian");
	assert_int_equal(cfgm_int(root, "cpus"), 2);
	assert_int_equal(cfgm_size(root, "memory"), 512 << 20);
	assert_int_equal(cfgm_int(root, "offset"), -5000000000);
	assert_string_equal(cfgm_string(root, "on_reboot"), "reset");
	assert_string_equal(cfgm_path(boot, "kernel"), "tests/unit/cfgm/sub/vmlinuz");
	assert_string_equal(cfgm_string(boot, "cmdline"),
			    "console=ttyS0 root=\"/dev/vda\" # no comment");
	assert_int_equal(cfgm_count(boot, "modules"), 2);
	assert_string_equal(cfgm_path(cfgm_item(boot, "modules", 0), "path"), "/abs/a");
	assert_null(cfgm_string(cfgm_item(boot, "modules", 1), "cmdline"));
	assert_false(cfgm_has(cfgm_item(boot, "modules", 1), "cmdline"));
	assert_false(cfgm_bool(cfgm_group(root, "hm"), "large"));
	assert_int_equal(cfgm_count(root, "disable"), 2);
	assert_string_equal(cfgm_strings(root, "disable", 1), "sse");
	assert_int_equal(cfgm_count(root, "devices"), 3);
	dev = cfgm_item(root, "devices", 1);
	assert_string_equal(cfgm_string(dev, "type"), "disk");
	assert_true(cfgm_bool(cfgm_group(dev, "backend"), "readonly"));
	assert_string_equal(cfgm_path(cfgm_group(dev, "backend"), "path"),
			    "tests/unit/cfgm/disk.img");
	dev = cfgm_item(root, "devices", 2);
	assert_int_equal(cfgm_int(dev, "port"), 760);
	assert_null(cfgm_group(dev, "backend"));
	cfgm_destroy(cfg);
}

static void test_defaults(void **state)
{
	struct cfgm *cfg = LOAD(NULL, "name=x");
	const struct cfgm_node *root = cfgm_root(cfg);

	assert_int_equal(cfgm_int(root, "cpus"), 1);
	assert_int_equal(cfgm_size(root, "memory"), 256 << 20);
	assert_string_equal(cfgm_string(root, "on_reboot"), "exit");
	assert_true(cfgm_bool(cfgm_group(root, "hm"), "large"));
	/* Has a required key, so it is not made of defaults. */
	assert_null(cfgm_group(root, "boot"));
	assert_false(cfgm_has(root, "boot"));
	assert_false(cfgm_has(root, "offset"));
	assert_int_equal(cfgm_int(root, "offset"), 0);
	assert_int_equal(cfgm_count(root, "devices"), 0);
	cfgm_destroy(cfg);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		u64 bytes;
	} sizes[] = {
		{ "memory=1048576", 1 << 20 }, { "memory=\"1024K\"", 1 << 20 },
		{ "memory=64m", 64 << 20 }, { "memory=4G", 4ULL << 30 },
		{ "memory=1T", 1ULL << 40 },
		{ "memory=4294967296", 4ULL << 30 }, { "memory=0x100000000", 4ULL << 30 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct cfgm *cfg = load(GOOD, &sizes[i].text, 1);

		assert_int_equal(cfgm_size(cfgm_root(cfg), "memory"), sizes[i].bytes);
		cfgm_destroy(cfg);
	}
}

static void test_overrides(void **state)
{
	struct cfgm *cfg = LOAD(GOOD, "cpus=4", "name=4", "boot.kernel=here/bzImage",
				"boot.cmdline=console=ttyS0 quiet; \"x\"",
				"disable=(\"avx2\")", "devices.[1].backend.path=/dev/x",
				"devices.[3].type=disk", "devices.[3].backend.type=file",
				"devices[3].backend.path=new", "boot.modules.[0]={path=\"only\";}",
				"hm.mode=\"reset\"", "cpus=5");
	const struct cfgm_node *root = cfgm_root(cfg), *boot = cfgm_group(root, "boot"), *dev;
	char where[200];

	assert_int_equal(cfgm_int(root, "cpus"), 5);
	assert_string_equal(cfgm_string(root, "name"), "4");
	assert_string_equal(cfgm_path(boot, "kernel"), "here/bzImage");
	assert_string_equal(cfgm_string(boot, "cmdline"), "console=ttyS0 quiet; \"x\"");
	assert_int_equal(cfgm_count(root, "disable"), 1);
	assert_string_equal(cfgm_strings(root, "disable", 0), "avx2");
	assert_string_equal(cfgm_path(cfgm_item(boot, "modules", 0), "path"), "only");
	assert_int_equal(cfgm_count(boot, "modules"), 2);
	dev = cfgm_item(root, "devices", 1);
	assert_string_equal(cfgm_path(cfgm_group(dev, "backend"), "path"), "/dev/x");
	dev = cfgm_item(root, "devices", 3);
	assert_string_equal(cfgm_path(cfgm_group(dev, "backend"), "path"), "new");
	assert_string_equal(cfgm_string(cfgm_group(root, "hm"), "mode"), "reset");
	cfgm_where(cfgm_group(dev, "backend"), "path", where, sizeof(where));
	assert_string_equal(where, "-o: devices.[3].backend.path");
	cfgm_where(boot, "modules", where, sizeof(where));
	assert_string_equal(where, GOOD ":13: boot.modules");
	cfgm_where(root, "offset", where, sizeof(where));
	assert_string_equal(where, GOOD ":5: offset");
	cfgm_destroy(cfg);
}

static void test_bad_overrides(void **state)
{
	static const char *const cases[][2] = {
		{ "cpus", "-o cpus: wants the form path.to.key=value" },
		{ "=4", "-o =4: wants the form path.to.key=value" },
		{ "", "-o : wants the form path.to.key=value" },
		{ "cpus=0", "-o: cpus: must be 1 to 255, is 0" },
		{ "cpus=", "-o: cpus: must be a number, is \"\"" },
		{ "cpus=two", "-o: cpus: must be a number, is \"two\"" },
		{ "cpus=99999999999999999999",
		  "-o: cpus: must be a number, is \"99999999999999999999\"" },
		{ "cpus.x=1", "-o cpus.x=1: no keys below what is no group: cpus" },
		{ "cpus.[0]=1", "-o cpus.[0]=1: an index, but not of a list: cpus" },
		{ "boot.=1", "-o boot.=1: a name is missing in the path" },
		{ ".boot=1", "-o .boot=1: a name is missing in the path" },
		{ "devices.[5].type=serial",
		  "-o devices.[5].type=serial: there is no such entry; a new one would be [3]" },
		{ "devices.[x]=1",
		  "-o devices.[x]=1: an entry of a list is written [0], [1], ..." },
		{ "devices.[1=1", "-o devices.[1=1: an entry of a list is written [0], [1], ..." },
		{ "devices.[99999999999]=1",
		  "-o devices.[99999999999]=1: an entry of a list is written [0], [1], ..." },
		{ "devices.[0]x=1", "-o devices.[0]x=1: after ] comes a dot or the end" },
		{ "boot.kernle=x", "-o: boot.kernle: unknown key; did you mean kernel?" },
		{ "disable=avx",
		  "-o: disable: must be a list of strings, ( \"a\", \"b\" ), is \"avx\"" },
		{ "disable=(\"a\"); cpus=3",
		  "-o: disable: must be a list of strings, ( \"a\", \"b\" ), is "
		  "\"(\"a\"); cpus=3\"" },
		{ "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1",
		  "-o a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1: the path is too deep" },
		{ "name=@include \"/etc/passwd\"", NULL },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cfgm *cfg;

		if (cases[i][1]) {
			refuse(cases[i][0], cases[i][1]);
			continue;
		}
		cfg = load(GOOD, &cases[i][0], 1);
		assert_string_equal(cfgm_string(cfgm_root(cfg), "name"),
				    strchr(cases[i][0], '=') + 1);
		cfgm_destroy(cfg);
	}
}

static void test_include(void **state)
{
	struct cfgm *cfg = LOAD("tests/unit/cfgm/include.cfg");
	const struct cfgm_node *root = cfgm_root(cfg), *boot = cfgm_group(root, "boot");
	char where[200];

	/* Relative to the file that names them, in which folder ever it is. */
	assert_string_equal(cfgm_path(boot, "kernel"), "tests/unit/cfgm/included/k");
	assert_string_equal(cfgm_path(cfgm_item(boot, "modules", 0), "path"), "tests/unit/cfgm/m");
	cfgm_where(boot, "kernel", where, sizeof(where));
	assert_string_equal(where, "tests/unit/cfgm/included/boot.cfg:2: boot.kernel");
	cfgm_where(root, "cpus", where, sizeof(where));
	assert_string_equal(where, "tests/unit/cfgm/include.cfg:7: cpus");
	cfgm_destroy(cfg);
}

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void expect_kind(const char *path, const void *data, size_t len, const char *kind)
{
	write_file(path, data, len);
	if (kind)
		assert_string_equal(cfgm_kernel_kind(path), kind);
	else
		assert_null(cfgm_kernel_kind(path));
}

static void test_kernels(void **state)
{
	static const u32 multiboot[] = { 0, 0x1badb002, 3, -(0x1badb002 + 3) };
	static const u32 bad_sum[] = { 0, 0x1badb002, 3, 5 };
	u8 bzimage[0x206] = { 0 };
	char path[] = "/tmp/cfgm-XXXXXX";

	assert_true(close(mkstemp(path)) == 0);
	memcpy(bzimage + 0x202, "HdrS", 4);
	expect_kind(path, bzimage, sizeof(bzimage), "bzImage");
	expect_kind(path, bzimage, sizeof(bzimage) - 1, NULL);
	expect_kind(path, "\177ELF", 4, "ELF");
	expect_kind(path, "\177EL", 3, NULL);
	expect_kind(path, multiboot, sizeof(multiboot), "multiboot");
	expect_kind(path, multiboot, sizeof(multiboot) - 1, NULL);
	expect_kind(path, bad_sum, sizeof(bad_sum), NULL);
	expect_kind(path, "", 0, NULL);
	assert_null(cfgm_kernel_kind(GOOD));
	assert_null(cfgm_kernel_kind("/tmp"));
	assert_null(cfgm_kernel_kind("/nowhere"));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(cfgm_kernel_kind(path));
	unlink(path);
}

static void expect_error(const char *path, int code, const char *expect)
{
	struct error err = { 0 };
	struct cfgm *cfg;

	assert_int_equal(cfgm_load(&cfg, path, NULL, 0, schema, &err), -code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.text, expect);
}

static void test_no_config(void **state)
{
	char *big = malloc(300 << 10);

	expect_error("/nowhere", ENOENT, "/nowhere: No such file or directory");
	expect_error("/tmp", EINVAL, "/tmp: not a config: it is a directory");
	expect_error("/dev/zero", EINVAL, "/dev/zero: not a config: it is not a file");
	expect_error("/proc/self/exe", EINVAL, "/proc/self/exe: not a config: it is binary");
	assert_non_null(big);
	memset(big, '\n', 300 << 10);
	write_file("/tmp/cfgm-big", big, 300 << 10);
	expect_error("/tmp/cfgm-big", EINVAL, "/tmp/cfgm-big: not a config: more than 256 KiB");
	memset(big, '{', 250 << 10);
	memcpy(big, "a=", 2);
	write_file("/tmp/cfgm-big", big, 250 << 10);
	expect_error("/tmp/cfgm-big", EINVAL, "/tmp/cfgm-big:1: braces nested deeper than 16");
	unlink("/tmp/cfgm-big");
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_bad_overrides),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_kernels),
		cmocka_unit_test(test_no_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
