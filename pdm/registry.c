// SPDX-License-Identifier: GPL-2.0
/*
 * One row per device. A device's object is linked in or not, as its Kconfig
 * symbol says; a weak reference finds out, so that this table needs no
 * conditional, and a name that is known but not built in can be told from one
 * that does not exist.
 */
#include "pdm/registry.h"

#define DEVICE(_type) extern const struct pdm_device_type _type __attribute__((weak))

DEVICE(i8259_device);
DEVICE(ioapic_device);
DEVICE(i8254_device);
DEVICE(mc146818_device);
DEVICE(hpet_device);
DEVICE(i8042_device);
DEVICE(acpi_pm_device);
DEVICE(pvpanic_device);
DEVICE(serial_device);
DEVICE(debug_exit_device);
DEVICE(debug_console_device);
DEVICE(test_mmio_device);
DEVICE(test_clock_device);

struct pdm_row {
	const char *name;
	const struct pdm_device_type *type;	/* NULL: not built in */
	bool optional;				/* chipset: may be left out of the build */
	const char *key;			/* chipset: the config's switch, NULL: none */
};

/* Interrupt controllers first: the others raise lines at reset. */
static const struct pdm_row pdm_chipset[] = {
	{ .name = "i8259", .type = &i8259_device },
	{ .name = "ioapic", .type = &ioapic_device },
	{ .name = "i8254", .type = &i8254_device },
	{ .name = "mc146818", .type = &mc146818_device },
	{ .name = "hpet", .type = &hpet_device, .key = "hpet" },
	{ .name = "i8042", .type = &i8042_device },
	{ .name = "acpi-pm", .type = &acpi_pm_device },
	{ .name = "pvpanic", .type = &pvpanic_device, .optional = true },
};

static const struct pdm_row pdm_devices[] = {
	{ .name = "serial", .type = &serial_device },
	{ .name = "debug-exit", .type = &debug_exit_device },
	{ .name = "debug-console", .type = &debug_console_device },
	{ .name = "test-mmio", .type = &test_mmio_device },
	{ .name = "test-clock", .type = &test_clock_device },
};

/* The names, for suggestions; one more for the NULL at the end. */
static const char *const pdm_device_names[ARRAY_SIZE(pdm_devices) + 1] = {
	"serial", "debug-exit", "debug-console", "test-mmio", "test-clock", NULL,
};

const struct cfgm_key pdm_chipset_keys[] = {
	{ .name = "hpet", .type = CFGM_BOOL, .def = "true", .help = "high precision event timer" },
	{ 0 }
};

static bool pdm_chipset_wants(const struct pdm_row *row, const struct cfgm_node *config)
{
	if (row->optional && !row->type)
		return false;
	return !row->key || !config || cfgm_bool(config, row->key);
}

bool pdm_chipset_type(unsigned int i, const struct cfgm_node *config, const char **name,
		      const struct pdm_device_type **type)
{
	const struct pdm_row *row = &pdm_chipset[i];

	if (i >= ARRAY_SIZE(pdm_chipset))
		return false;
	*name = pdm_chipset_wants(row, config) ? row->name : NULL;
	*type = row->type;
	return true;
}

const struct pdm_device_type *pdm_device_type(const char *name, const char **why)
{
	if (why)
		*why = "";
	for (unsigned int i = 0; i < ARRAY_SIZE(pdm_devices); i++) {
		if (strcmp(pdm_devices[i].name, name))
			continue;
		if (!pdm_devices[i].type && why)
			*why = "known, but not built in";
		return pdm_devices[i].type;
	}
	return NULL;
}

const struct cfgm_key *pdm_device_variant(const char *type, const char **why)
{
	static const struct cfgm_key none[] = { { .name = NULL } };
	const struct pdm_device_type *device = pdm_device_type(type, why);

	if (!device)
		return NULL;
	return device->keys ? device->keys : none;
}

const char *const *pdm_device_variants(void)
{
	return pdm_device_names;
}
