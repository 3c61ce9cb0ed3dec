// SPDX-License-Identifier: GPL-2.0
/*
 * What a VM is made of, and in what order: the module's VM, time, memory, what
 * its CPUs are and say, devices, tables, kernel, threads.
 *
 * Everything that a path names is opened here; after that nothing is.
 */
#include <stdlib.h>
#include <unistd.h>

#include "vmm/acpi/acpi.h"
#include "vmm/gim_names.h"
#include "vmm/msr.h"
#include "vmm/vm_internal.h"

/* ---- CPUs ---------------------------------------------------------------------------- */

/* A key of a group that may be absent. */
static const char *vm_config_string(struct vm *vm, const char *group, const char *key,
				    const char *otherwise)
{
	const struct cfgm_node *node = cfgm_group(vm->config, group);
	const char *value = node && cfgm_has(node, key) ? cfgm_string(node, key) : NULL;

	return value ? value : otherwise;
}

static int vm_gim(struct vm *vm, struct error *err)
{
	struct gim_names names;
	struct gim_config config = {
		.facts = {
			.tsc_khz = tm_tsc_khz(vm->tm),
			.bus_khz = CPUID_BUS_KHZ,
			.host = hm_info(vm->hm)->features,
			.cpus = cfgm_int(vm->config, "cpus"),
		},
		.disable = names.disable,
		.enable = names.enable,
		.hm = vm->hm_vm,
		.tm = vm->tm,
		.pgm = vm->pgm,
		.ops = &vm_gim_ops,
		.ctx = vm,
	};
	int ret = gim_names_read(&names, vm->config, err);

	if (ret)
		return ret;
	config.provider = names.provider;
	config.disable_count = names.disable_count;
	config.enable_count = names.enable_count;
	config.debug = names.debug;
	return gim_create(&vm->gim, &config, err);
}

static int vm_cpuid(struct vm *vm, struct error *err)
{
	const struct cfgm_node *cpu = cfgm_group(vm->config, "cpu");
	struct cpuid_config config = {
		.cpus = cfgm_int(vm->config, "cpus"),
		.tsc_khz = tm_tsc_khz(vm->tm),
		.gim = vm->gim,
	};
	int ret;

	vm->cpuid.count = VMM_CPUID_MAX;
	ret = hm_cpuid(vm->hm, vm->cpuid.entry, &vm->cpuid.count, err);
	for (unsigned int i = 0; !ret && cpu && i < cfgm_count(cpu, "disable"); i++)
		ret = cpuid_disable(&vm->cpuid, cfgm_strings(cpu, "disable", i), err);
	if (!ret)
		ret = cpuid_apply(&vm->cpuid, &config, err);
	if (ret)
		return ret;
	ret = hm_vm_cpuid_set(vm->hm_vm, vm->cpuid.entry, vm->cpuid.count);
	return ret < 0 ? error_errno(err, -ret, "the module refuses the CPUID table") : 0;
}

static int vm_msrs(struct vm *vm, struct error *err)
{
	const struct vmm_cpuid_entry *leaf0 = cpuid_find(&vm->cpuid, 0, 0);
	const struct vmm_msr_answer *answers;
	u32 count;
	int ret;

	answers = msr_answers(leaf0 ? leaf0->ebx : 0, &count);
	if (!count)
		return 0;
	ret = hm_vm_msrs_set(vm->hm_vm, answers, count);
	return ret < 0 ? error_errno(err, -ret, "the module refuses the MSR answers") : 0;
}

static int vm_cpus(struct vm *vm, struct error *err)
{
	u32 cpus = cfgm_int(vm->config, "cpus");
	struct hm_vcpu *vcpu;
	int ret = 0;

	for (u32 i = 0; i < cpus && !ret; i++)
		ret = hm_vcpu_create(&vcpu, vm->hm_vm, i, err);
	return ret;
}

static int vm_time(struct vm *vm, struct error *err)
{
	const struct cfgm_node *node = cfgm_group(vm->config, "tm");
	struct tm_speed speed = {
		.warp = node ? cfgm_int(node, "warp") : 0,
		.tsc_khz = node && cfgm_has(node, "tsc_khz") ? cfgm_int(node, "tsc_khz") : 0,
		.tsc_emulated = !strcmp(vm_config_string(vm, "tm", "tsc", "real"), "emulated"),
	};
	int ret = tm_create(&vm->tm, vm->hm_vm, err);

	if (!ret)
		ret = tm_speed_set(vm->tm, &speed, err);
	if (!ret && node && cfgm_has(node, "utc_offset"))
		ret = tm_utc_offset_set(vm->tm, cfgm_int(node, "utc_offset"), err);
	return ret;
}

/* ---- memory and devices -------------------------------------------------------------- */

/* Option ROMs, of which there are none: kernels search here, a byte at a time. */
#define VM_ROMS_GPA	0xc0000
#define VM_ROMS_SIZE	0x20000

static int vm_memory(struct vm *vm, struct error *err)
{
	const struct cfgm_node *node = cfgm_group(vm->config, "hm");
	const char *hugetlb = vm_config_string(vm, "hm", "hugetlb", "");
	struct pgm_config config = {
		.ram_bytes = cfgm_size(vm->config, "memory"),
		.large_pages = !node || cfgm_bool(node, "large_pages"),
		.hugetlb = *hugetlb ? 1ULL << (strcmp(hugetlb, "2M") ? 30 : 21) : 0,
	};
	void *roms;
	int ret;

	ret = pgm_create(&vm->pgm, vm->hm_vm, &config, err);
	if (ret)
		return ret;
	ret = pgm_rom_add(vm->pgm, VM_ROMS_GPA, VM_ROMS_SIZE, "option ROMs", &roms, err);
	if (!ret)
		memset(roms, 0xff, VM_ROMS_SIZE);
	return ret;
}

static int vm_devices(struct vm *vm, struct error *err)
{
	struct pdm_config config = {
		.hm = vm->hm_vm, .tm = vm->tm, .pgm = vm->pgm, .ops = &vm_pdm_ops, .ctx = vm,
	};
	char where[256];
	int ret;

	ret = pdm_create(&vm->pdm, &config, err);
	if (!ret)
		ret = pdm_chipset_create(vm->pdm, cfgm_group(vm->config, "chipset"), err);
	for (unsigned int i = 0; !ret && i < cfgm_count(vm->config, "devices"); i++) {
		const struct cfgm_node *node = cfgm_item(vm->config, "devices", i);

		ret = pdm_device_create(vm->pdm, node, err);
		if (ret) {
			cfgm_where(node, "type", where, sizeof(where));
			error_prefix(err, "%s: ", where);
		}
	}
	return ret;
}

/* COM ports by the order of serial devices: PDM numbers them alike. */
static u32 vm_serial_ports(struct vm *vm)
{
	u32 ports = 0;

	for (unsigned int i = 0; i < cfgm_count(vm->config, "devices"); i++)
		if (!strcmp(cfgm_string(cfgm_item(vm->config, "devices", i), "type"), "serial"))
			ports = ports << 1 | 1;
	return ports & 0xf;
}

static int vm_tables(struct vm *vm, struct error *err)
{
	const struct cfgm_node *chipset = cfgm_group(vm->config, "chipset");
	struct acpi_config config = {
		.cpus = cfgm_int(vm->config, "cpus"),
		.serial_ports = vm_serial_ports(vm),
		.i8042 = true,
		.pvpanic = true,
		.hpet = !chipset || cfgm_bool(chipset, "hpet"),
	};

	return acpi_build(vm->pgm, &config, &vm->rsdp, err);
}

/* ---- the kernel ---------------------------------------------------------------------- */

static int vm_open_kernel(struct vm *vm, struct error *err)
{
	const struct cfgm_node *node = cfgm_group(vm->config, "boot");
	struct boot_module_config modules[BOOT_MODULES_MAX];
	struct boot_config config = {
		.kernel = cfgm_path(node, "kernel"),
		.cmdline = cfgm_string(node, "cmdline"),
		.initrd = cfgm_has(node, "initrd") ? cfgm_path(node, "initrd") : NULL,
		.modules = modules,
		.module_count = cfgm_count(node, "modules"),
	};

	if (config.module_count > BOOT_MODULES_MAX)
		return error_set(err, E2BIG, "boot.modules: more than %d", BOOT_MODULES_MAX);
	for (u32 i = 0; i < config.module_count; i++) {
		const struct cfgm_node *item = cfgm_item(node, "modules", i);

		modules[i].path = cfgm_path(item, "path");
		if (cfgm_has(item, "cmdline"))
			modules[i].cmdline = cfgm_string(item, "cmdline");
		else
			modules[i].cmdline = NULL;
	}
	return boot_image_open(&vm->image, &config, err);
}

/* Calibration needs port accesses of a few microseconds, which no exit can promise. */
static int vm_tell_tsc(struct vm *vm, struct error *err)
{
	if (cpuid_find(&vm->cpuid, 0x15, 0))
		return 0;
	return boot_image_tell_tsc(vm->image, tm_tsc_khz(vm->tm), err);
}

/* For a person who waits; a log has no use for it. */
static void vm_say_loading(struct vm *vm)
{
	const struct cfgm_node *node = cfgm_group(vm->config, "boot");
	bool initrd = cfgm_has(node, "initrd");

	if (isatty(STDERR_FILENO))
		log_info("loading %s (%s)%s%s; Ctrl-A h lists the keys",
			 cfgm_path(node, "kernel"), boot_image_type(vm->image),
			 initrd ? " and " : "", initrd ? cfgm_path(node, "initrd") : "");
}

int vm_load(struct vm *vm, struct error *err)
{
	struct hm_vcpu *bsp = hm_vcpu(vm->hm_vm, 0);
	struct boot_entry entry;
	int ret;

	vm_say_loading(vm);
	ret = boot_image_load(vm->image, vm->pgm, vm->rsdp, &entry, err);
	if (ret)
		return ret;
	bsp->page->gprs = entry.gprs;
	bsp->page->sregs = entry.sregs;
	bsp->page->dirty = VMM_GROUP_GPRS | VMM_GROUP_SREGS;
	ret = hm_vcpu_store(bsp);
	return ret < 0 ? error_errno(err, -ret, "the module refuses the first CPU's registers") : 0;
}

static int vm_threads(struct vm *vm, struct error *err)
{
	struct vmm_cpuid_entry *sizes = cpuid_find(&vm->cpuid, 0x80000008, 0);
	struct vmm_cpuid_entry *extended = cpuid_find(&vm->cpuid, 0x80000001, 0);
	struct em_config config = {
		.hm = vm->hm_vm,
		.pgm = vm->pgm,
		.pdm = vm->pdm,
		.gim = vm->gim,
		.phys_bits = sizes ? sizes->eax & 0xff : 36,
		.pages_1g = extended && extended->edx & BIT(26),
		.unknown_msr_ignore = !strcmp(vm_config_string(vm, "hm", "unknown_msr", "gp"),
					      "ignore"),
		.xsave.size = hm_info(vm->hm)->xsave_size,
		.ops = &vm_em_ops,
		.ctx = vm,
	};

	cpuid_xsave_layout(&vm->cpuid, &config.xsave);
	return em_create(&vm->em, &config, err);
}

/* ---- all of it ----------------------------------------------------------------------- */

static int vm_open_module(struct vm *vm, struct error *err)
{
	int ret = hm_open(&vm->hm, err);

	return ret ? ret : hm_vm_create(&vm->hm_vm, vm->hm, err);
}

static int vm_start_devices(struct vm *vm, struct error *err)
{
	return pdm_start(vm->pdm, err);
}

int vm_assemble(struct vm *vm, struct error *err)
{
	/* A kernel that cannot be opened is said before a module that is missing. */
	static int (*const steps[])(struct vm *vm, struct error *err) = {
		vm_open_kernel, vm_open_module, vm_time, vm_memory, vm_gim, vm_cpuid, vm_msrs,
		vm_cpus, vm_devices, vm_tables, vm_tell_tsc, vm_load, vm_threads,
		vm_start_devices,
	};
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(steps) && !ret; i++)
		ret = steps[i](vm, err);
	return ret;
}

void vm_dismantle(struct vm *vm)
{
	/* Devices may still have something to say: it is too late. */
	pthread_mutex_lock(&vm->lock);
	if (vm->end == VM_ALIVE)
		vm->end = VM_CRASH;
	pthread_mutex_unlock(&vm->lock);

	em_destroy(vm->em);
	pdm_destroy(vm->pdm);
	gim_destroy(vm->gim);
	tm_destroy(vm->tm);
	hm_vm_destroy(vm->hm_vm);
	pgm_destroy(vm->pgm);
	hm_close(vm->hm);
	if (vm->image)
		boot_image_close(vm->image);
}
