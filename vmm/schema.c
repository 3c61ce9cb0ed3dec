// SPDX-License-Identifier: GPL-2.0
/*
 * The root of the schema: a row here is a key that some part of the program
 * obeys. What a device may say, its own table tells; what the values mean
 * together (a port used twice, say), the parts that use them find out.
 */
#include "pdm/registry.h"
#include "tm/tm.h"
#include "vmm/schema.h"

#define MIB	(1LL << 20)
#define TIB	(1LL << 40)

static const char *const on_reboot_choices[] = { "exit", "reset", NULL };
static const char *const provider_choices[] = { "none", "minimal", "kvm", "hyperv", NULL };
static const char *const hugetlb_choices[] = { "2M", "1G", NULL };
static const char *const unknown_msr_choices[] = { "gp", "ignore", NULL };
static const char *const tsc_choices[] = { "real", "emulated", NULL };
static const char *const cpu_model_choices[] = { "host", NULL };

static const struct cfgm_key module_keys[] = {
	{ .name = "path", .type = CFGM_PATH, .required = true, .help = "the file" },
	{ .name = "cmdline", .type = CFGM_STRING, .help = "its command line" },
	{ 0 }
};

static const struct cfgm_key boot_keys[] = {
	{ .name = "kernel", .type = CFGM_PATH, .required = true,
	  .help = "bzImage, ELF with a PVH note, or multiboot 1" },
	{ .name = "initrd", .type = CFGM_PATH, .help = "initial RAM disk" },
	{ .name = "cmdline", .type = CFGM_STRING, .def = "", .help = "the kernel's command line" },
	{ .name = "modules", .type = CFGM_LIST, .keys = module_keys,
	  .help = "files for a multiboot kernel" },
	{ 0 }
};

static const struct cfgm_key gim_debug_keys[] = {
	{ .name = "address", .type = CFGM_STRING, .required = true,
	  .help = "name or numeric address of its host" },
	{ .name = "port", .type = CFGM_INT, .required = true, .min = 1, .max = 65535,
	  .help = "UDP port where it listens" },
	{ .name = "calls", .type = CFGM_BOOL, .def = "false",
	  .help = "advise the guest to reach it by hypercalls rather than by MSRs" },
	{ 0 }
};

static const struct cfgm_key gim_keys[] = {
	{ .name = "provider", .type = CFGM_STRING, .def = "minimal", .choices = provider_choices,
	  .help = "paravirtual interface that the guest finds" },
	{ .name = "disable", .type = CFGM_STRINGS,
	  .help = "features of it that the guest shall not have" },
	{ .name = "enable", .type = CFGM_STRINGS,
	  .help = "features of it that the guest has on request only" },
	{ .name = "debug", .type = CFGM_GROUP, .keys = gim_debug_keys,
	  .help = "the debugger of a guest that speaks to one through this interface" },
	{ 0 }
};

static const struct cfgm_key tm_keys[] = {
	{ .name = "warp", .type = CFGM_INT, .min = TM_WARP_MIN, .max = TM_WARP_MAX, .def = "100",
	  .help = "percent of the host's speed at which the guest's clocks go" },
	{ .name = "tsc", .type = CFGM_STRING, .def = "real", .choices = tsc_choices,
	  .help = "who makes the guest's TSC: the CPU, of the host's, or the module, at exits" },
	{ .name = "tsc_khz", .type = CFGM_INT, .min = TM_TSC_KHZ_MIN, .max = TM_TSC_KHZ_MAX,
	  .help = "the speed of the guest's TSC" },
	{ .name = "utc_offset", .type = CFGM_INT, .min = -TM_UTC_OFFSET_MAX,
	  .max = TM_UTC_OFFSET_MAX, .def = "0",
	  .help = "seconds by which the guest's date is ahead of the host's UTC" },
	{ 0 }
};

static const struct cfgm_key hm_keys[] = {
	{ .name = "large_pages", .type = CFGM_BOOL, .def = "true",
	  .help = "back the guest's memory with large pages where that can be done" },
	{ .name = "hugetlb", .type = CFGM_STRING, .choices = hugetlb_choices,
	  .help = "take the memory from the host's pool of huge pages of this size" },
	{ .name = "unknown_msr", .type = CFGM_STRING, .def = "gp", .choices = unknown_msr_choices,
	  .help = "an MSR that is not known raises #GP, or reads 0 and ignores writes" },
	{ 0 }
};

static const struct cfgm_key cpu_keys[] = {
	{ .name = "model", .type = CFGM_STRING, .def = "host", .choices = cpu_model_choices,
	  .help = "where the features come from" },
	{ .name = "disable", .type = CFGM_STRINGS,
	  .help = "features that the guest shall not see" },
	{ 0 }
};

const struct cfgm_key schema_root[] = {
	{ .name = "name", .type = CFGM_STRING, .def = "vm", .help = "for people" },
	{ .name = "cpus", .type = CFGM_INT, .min = 1, .max = 255, .def = "1",
	  .help = "virtual CPUs" },
	{ .name = "memory", .type = CFGM_SIZE, .min = 1 * MIB, .max = 4 * TIB, .def = "256M",
	  .help = "the guest's RAM" },
	{ .name = "timeout", .type = CFGM_INT, .min = 1, .max = 365 * 24 * 3600,
	  .help = "host seconds until the guest is ended with status 124" },
	{ .name = "on_reboot", .type = CFGM_STRING, .def = "exit", .choices = on_reboot_choices,
	  .help = "a guest that resets ends the run with status 122, or starts again" },
	{ .name = "boot", .type = CFGM_GROUP, .required = true, .keys = boot_keys,
	  .help = "what the guest starts with" },
	{ .name = "gim", .type = CFGM_GROUP, .keys = gim_keys, .help = "paravirtual interfaces" },
	{ .name = "tm", .type = CFGM_GROUP, .keys = tm_keys, .help = "time" },
	{ .name = "hm", .type = CFGM_GROUP, .keys = hm_keys, .help = "hardware acceleration" },
	{ .name = "cpu", .type = CFGM_GROUP, .keys = cpu_keys,
	  .help = "what the guest's CPUs are" },
	{ .name = "chipset", .type = CFGM_GROUP, .keys = pdm_chipset_keys,
	  .help = "devices that are always there, unless switched off" },
	{ .name = "devices", .type = CFGM_VARIANTS, .variant = pdm_device_variant,
	  .variants = pdm_device_variants, .help = "devices besides the chipset" },
	{ 0 }
};
