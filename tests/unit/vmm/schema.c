// SPDX-License-Identifier: GPL-2.0
/*
 * The schema itself (its rows make sense and their defaults pass their own
 * limits), and the man page: a key stands in it if and only if the schema has
 * it, with the same default. A device's keys count if it is built in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "pdm/registry.h"
#include "vmm/schema.h"

#define MAN "man/vmm.cfg.5"
#define LINES_MAX 200

static char lines[LINES_MAX][128];	/* what follows ".It Cm " */
static bool wanted[LINES_MAX];
static unsigned int line_count;
static unsigned int variants_seen;

static int read_man(void **state)
{
	static const char item[] = ".It Cm ";
	char line[256];
	FILE *f = fopen(MAN, "r");

	if (!f)
		return -1;
	while (line_count < LINES_MAX && fgets(line, sizeof(line), f)) {
		if (strncmp(line, item, strlen(item)))
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(lines[line_count++], sizeof(lines[0]), "%.127s", line + strlen(item));
	}
	fclose(f);
	return line_count < LINES_MAX && line_count > 10 ? 0 : -1;
}

/* The line of @name must be there, with @def if that is not empty. */
static void want(const char *name, const char *def)
{
	char expect[128];

	snprintf(expect, sizeof(expect), def && *def ? "%s Pq %s" : "%s", name, def);
	for (unsigned int i = 0; i < line_count; i++) {
		if (!strcmp(lines[i], expect)) {
			wanted[i] = true;
			return;
		}
	}
	fail_msg("%s has no line: .It Cm %s", MAN, expect);
}

static void want_keys(const struct cfgm_key *keys, const char *prefix);

/* Devices by their own names; any variant below a device by its key's name. */
static void want_variants(const struct cfgm_key *key, const char *prefix)
{
	char name[96];

	assert_non_null(key->variants);
	for (const char *const *type = key->variants(); *type; type++) {
		const char *why = NULL;
		const struct cfgm_key *keys = key->variant(*type, &why);

		if (!keys || !strncmp(*type, "test-", 5))
			continue;
		variants_seen++;
		snprintf(name, sizeof(name), "%s%s", prefix, *type);
		want(name, NULL);
		strcat(name, ".");
		want_keys(keys, name);
	}
}

static void check_row(const struct cfgm_key *key)
{
	assert_true(key->min <= key->max);
	assert_false(key->required && key->def);
	assert_true((key->type == CFGM_GROUP || key->type == CFGM_LIST) == !!key->keys);
	assert_true((key->type == CFGM_VARIANT || key->type == CFGM_VARIANTS) == !!key->variant);
	if (!key->help || !*key->help)
		fail_msg("%s has no help", key->name);
}

static void want_keys(const struct cfgm_key *keys, const char *prefix)
{
	char name[96];

	for (; keys->name; keys++) {
		check_row(keys);
		snprintf(name, sizeof(name), "%s%s", prefix, keys->name);
		want(name, keys->def);
		strcat(name, keys->type == CFGM_LIST ? ".[]." : ".");
		if (keys->keys)
			want_keys(keys->keys, name);
		if (keys->type == CFGM_VARIANTS)
			want_variants(keys, "");
		else if (keys->type == CFGM_VARIANT)
			want_variants(keys, strrchr(prefix, '.') ? "backend." : "");
	}
}

static bool built_in(const char *name)
{
	const struct cfgm_key *key = schema_root;
	size_t len = strcspn(name, ". ");
	const char *why = NULL;

	while (key->name && strcmp(key->name, "devices"))
		key++;
	assert_non_null(key->name);
	for (const char *const *type = key->variants(); *type; type++) {
		if (strlen(*type) == len && !memcmp(*type, name, len))
			return key->variant(*type, &why);
	}
	return true;
}

static void test_man_page(void **state)
{
	want_keys(schema_root, "");
	/* A build without any device would make this test an empty one. */
	assert_true(variants_seen > 0);
	for (unsigned int i = 0; i < line_count; i++) {
		if (!wanted[i] && built_in(lines[i]))
			fail_msg("%s describes what the schema does not have: %s", MAN, lines[i]);
	}
}

static struct cfgm *load(const char *const *overrides, unsigned int count)
{
	struct error err = { 0 };
	struct cfgm *cfg = NULL;

	if (cfgm_load(&cfg, NULL, overrides, count, schema_root, &err))
		fail_msg("%s", err.text);
	return cfg;
}

static void test_defaults(void **state)
{
	const char *const kernel = "boot.kernel=k";
	struct cfgm *cfg = load(&kernel, 1);
	const struct cfgm_node *root = cfgm_root(cfg);

	assert_int_equal(cfgm_int(root, "cpus"), 1);
	assert_int_equal(cfgm_size(root, "memory"), 256 << 20);
	assert_false(cfgm_has(root, "timeout"));
	assert_string_equal(cfgm_string(root, "on_reboot"), "exit");
	assert_string_equal(cfgm_string(cfgm_group(root, "boot"), "cmdline"), "");
	assert_null(cfgm_path(cfgm_group(root, "boot"), "initrd"));
	assert_string_equal(cfgm_string(cfgm_group(root, "gim"), "provider"), "minimal");
	assert_null(cfgm_group(cfgm_group(root, "gim"), "debug"));
	assert_string_equal(cfgm_string(cfgm_group(root, "hm"), "unknown_msr"), "gp");
	assert_true(cfgm_bool(cfgm_group(root, "hm"), "large_pages"));
	assert_int_equal(cfgm_count(root, "devices"), 0);
	cfgm_destroy(cfg);
}

static bool chipset_has(const char *device, const struct cfgm_node *config)
{
	const struct pdm_device_type *type;
	const char *name;

	for (unsigned int i = 0; pdm_chipset_type(i, config, &name, &type); i++)
		if (name && !strcmp(name, device))
			return true;
	return false;
}

static void test_chipset(void **state)
{
	static const char *const lists[][2] = {
		{ "boot.kernel=k", "chipset.hpet=true" }, { "boot.kernel=k", "chipset.hpet=false" },
	};

	assert_true(chipset_has("hpet", NULL));
	for (unsigned int i = 0; i < 2; i++) {
		struct cfgm *cfg = load(lists[i], 2);
		const struct cfgm_node *config = cfgm_group(cfgm_root(cfg), "chipset");

		assert_int_equal(chipset_has("hpet", config), i == 0);
		assert_true(chipset_has("i8254", config));
		cfgm_destroy(cfg);
	}
}

/* No config may be had without something to boot. */
static void test_kernel_required(void **state)
{
	struct error err = { 0 };
	struct cfgm *cfg;

	assert_int_equal(cfgm_load(&cfg, NULL, NULL, 0, schema_root, &err), -EINVAL);
	assert_string_equal(err.text, "config: boot: missing");
}

#define DEBUG(keys)	"gim.debug={" keys "}"

static void test_limits(void **state)
{
	static const char *const good[] = {
		"cpus=1", "cpus=255", "memory=1M", "memory=4T", "timeout=1",
		"tm.utc_offset=-1000000000", "tm.utc_offset=3600", "tm.warp=2", "tm.warp=20000",
		"tm.tsc=real", "tm.tsc=emulated", "tm.tsc_khz=1000", "tm.tsc_khz=20000000",
		DEBUG("address=\"a\";port=1;"), DEBUG("address=\"a\";port=65535;calls=true;"),
	};
	static const char *const bad[] = {
		"cpus=0", "cpus=256", "memory=1023K", "memory=5T", "timeout=0", "timeout=-1",
		"tm.utc_offset=1000000001", "tm.warp=1", "tm.warp=20001", "tm.warp=-100",
		"tm.tsc=x", "tm.tsc=1", "tm.tsc_khz=0", "tm.tsc_khz=1", "tm.tsc_khz=999",
		"tm.tsc_khz=20000001", "tm.tsc_khz=-1000000", "tm.tsc_khz=4294967296000",
		"chipset.hpet=1", "chipset.pit=false",
		"gim.provider=xen", "cpu.model=486", "hm.unknown_msr=maybe",
		"devices=({type=\"floppy\";})",
		DEBUG(""), DEBUG("address=\"a\";"), DEBUG("port=1;"), DEBUG("address=1;port=1;"),
		DEBUG("address=\"a\";port=0;"), DEBUG("address=\"a\";port=65536;"),
		DEBUG("address=\"a\";port=\"1\";"), DEBUG("address=\"a\";port=1;calls=1;"),
		DEBUG("address=\"a\";port=1;ip=1;"), "gim.debug=true",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++)
		cfgm_destroy(load((const char *[]){ "boot.kernel=k", good[i] }, 2));
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *const list[] = { "boot.kernel=k", bad[i] };
		struct error err = { 0 };
		struct cfgm *cfg;

		if (cfgm_load(&cfg, NULL, list, 2, schema_root, &err) != -EINVAL)
			fail_msg("accepted: %s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_man_page),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_chipset),
		cmocka_unit_test(test_kernel_required),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, read_man, NULL);
}
