// SPDX-License-Identifier: GPL-2.0
/*
 * vmm host: what stands between this machine and a guest, from the CPU
 * upwards. It asks CPUID itself, so that it has something to say where the
 * module does not even load, and names what to do about each thing missing.
 */
#include <cpuid.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vmm/barrier.h"
#include "vmm/cli/cli.h"
#include "vmm/hm.h"

/* "Feature Identifiers" of both manuals' CPUID chapters. */
#define CPUID_1_ECX_VMX			BIT(5)
#define CPUID_1_ECX_HYPERVISOR		BIT(31)
#define CPUID_8000_0001_ECX_SVM		BIT(2)
#define CPUID_8000_000A_EDX_NP		BIT(0)

struct feature {
	u64 bit;
	const char *name;
};

/* "SVM Revision and Feature Identification" */
static const struct feature svm_features[] = {
	{ BIT(0), "nested-paging" }, { BIT(3), "next-rip" }, { BIT(4), "tsc-scaling" },
	{ BIT(5), "clean-bits" }, { BIT(6), "flush-by-asid" }, { BIT(7), "decode-assists" },
	{ BIT(10), "pause-filter" }, { BIT(13), "avic" }, { BIT(16), "vgif" },
};

/* What the module uses where it can. */
struct module_feature {
	u64 bit;
	const char *name;
	u32 vendor;			/* 0: any */
	const char *params[2];		/* that switch it off; none: called like it */
};

static const struct module_feature module_features[] = {
	{ .bit = VMM_FEATURE_NESTED_2M, .name = "2m-pages", .params = { "ept_2m" } },
	{ .bit = VMM_FEATURE_NESTED_1G, .name = "1g-pages", .params = { "ept_1g", "ept_2m" } },
	{ .bit = VMM_FEATURE_NESTED_AD, .name = "ept-ad", .vendor = VMM_VENDOR_VMX },
	{ .bit = VMM_FEATURE_PML, .name = "pml", .vendor = VMM_VENDOR_VMX,
	  .params = { "pml", "ept_ad" } },
	{ .bit = VMM_FEATURE_ASID, .name = "tagged-tlb", .params = { "vpid" } },
	{ .bit = VMM_FEATURE_NEXT_RIP, .name = "next-rip", .vendor = VMM_VENDOR_SVM },
	{ .bit = VMM_FEATURE_DECODE, .name = "decode-assists", .vendor = VMM_VENDOR_SVM },
	{ .bit = VMM_FEATURE_FLUSH_ASID, .name = "flush-by-asid", .vendor = VMM_VENDOR_SVM },
	{ .bit = VMM_FEATURE_TPR_SHADOW, .name = "tpr-shadow", .vendor = VMM_VENDOR_VMX },
	{ .bit = VMM_FEATURE_APIC_REGISTERS, .name = "apic-registers", .vendor = VMM_VENDOR_VMX,
	  .params = { "apic_registers", "tpr_shadow" } },
	{ .bit = VMM_FEATURE_VIRTUAL_INTR, .name = "virtual-interrupts", .vendor = VMM_VENDOR_VMX,
	  .params = { "virtual_interrupts", "tpr_shadow" } },
	{ .bit = VMM_FEATURE_PAUSE_FILTER, .name = "pause-filter", .params = { "ple" } },
	{ .bit = VMM_FEATURE_TSC_STABLE, .name = "tsc-stable" },
	{ .bit = VMM_FEATURE_TSC_SCALING, .name = "tsc-scaling" },
	{ .bit = VMM_FEATURE_XSAVES, .name = "xsaves" },
	{ .bit = VMM_FEATURE_PREEMPTION_TIMER, .name = "preemption-timer",
	  .vendor = VMM_VENDOR_VMX },
};

/* Worth a word only where they are in use. */
static const struct feature module_extras[] = {
	{ VMM_FEATURE_CLEAN_BITS, "clean-bits" }, { VMM_FEATURE_VGIF, "vgif" },
	{ VMM_FEATURE_LEVEL5, "5-levels" }, { VMM_FEATURE_STEAL_TIME, "steal-time" },
	{ VMM_FEATURE_PARANOIA, "paranoia" },
};

/* Found, and of no use to the module so far. */
static const struct feature module_unused[] = {
	{ VMM_FEATURE_EXEC_ONLY, "exec-only" },
};

/* Other hypervisors, which use the CPU's virtualisation or may do so. */
static const char *const rivals[] = { "kvm_amd", "kvm_intel", "vboxdrv", "vmmon", "acrn" };

struct report {
	unsigned int missing;
};

static void say(const char *what, const char *text)
{
	printf("  %-8s %s\n", what, text);
}

static void say_ok(const char *what, const char *text)
{
	printf("  %-8s %sok%s: %s\n", what, cli_colour(stdout, CLI_GREEN),
	       cli_colour(stdout, CLI_PLAIN), text);
}

static void say_missing(struct report *report, const char *what, const char *text)
{
	report->missing++;
	printf("  %-8s %smissing%s: %s\n", what, cli_colour(stdout, CLI_RED),
	       cli_colour(stdout, CLI_PLAIN), text);
}

static void list_features(char *buf, size_t size, const struct feature *list, unsigned int count,
			  u64 bits)
{
	size_t len = strlen(buf);

	for (unsigned int i = 0; i < count && len < size; i++) {
		if (bits & list[i].bit)
			len += snprintf(buf + len, size - len, " %s", list[i].name);
	}
}

/* A list that has something in it. */
static void say_list(const char *list)
{
	if (!strstr(list, ": "))
		return;
	say("", list);
}

/* ---- the CPU ------------------------------------------------------------------ */

static void report_brand(void)
{
	u32 brand[13] = { 0 }, sig[4] = { 0 }, eax, ebx, ecx, edx;
	const char *text = (const char *)brand;

	__cpuid(0x80000000, eax, ebx, ecx, edx);
	for (u32 i = 0; i < 3 && eax >= 0x80000004; i++)
		__cpuid(0x80000002 + i, brand[4 * i], brand[4 * i + 1], brand[4 * i + 2],
			brand[4 * i + 3]);
	say("cpu", *text ? text + strspn(text, " ") : "unnamed");
	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & CPUID_1_ECX_HYPERVISOR))
		return;
	__cpuid(0x40000000, eax, sig[0], sig[1], sig[2]);
	printf("  %-8s this machine is itself virtual, under %.12s\n", "", (const char *)sig);
}

static void report_virtualisation(struct report *report)
{
	u32 eax, ebx, ecx = 0, edx = 0, max_extended;
	char text[256] = "AMD-V,";

	__cpuid(0x80000000, max_extended, ebx, ecx, edx);
	ecx = 0;
	if (max_extended >= 0x80000001)
		__cpuid(0x80000001, eax, ebx, ecx, edx);
	if (ecx & CPUID_8000_0001_ECX_SVM) {
		__cpuid(0x8000000a, eax, ebx, ecx, edx);
		list_features(text, sizeof(text), svm_features, ARRAY_SIZE(svm_features), edx);
		if (edx & CPUID_8000_000A_EDX_NP)
			say_ok("virt", text);
		else
			say_missing(report, "virt", "AMD-V is there, but without nested paging");
		return;
	}
	__cpuid(1, eax, ebx, ecx, edx);
	if (ecx & CPUID_1_ECX_VMX)
		say_ok("virt", "VT-x (what it offers, only the module can read)");
	else if (ecx & CPUID_1_ECX_HYPERVISOR)
		say_missing(report, "virt", "no VT-x or AMD-V in CPUID: the hypervisor around this "
			    "machine must pass it on (nested virtualisation)");
	else
		say_missing(report, "virt", "no VT-x or AMD-V in CPUID: not in this CPU, or "
			    "switched off in the firmware's setup");
}

/* ---- the kernel ------------------------------------------------------------------ */

/* True if the module is loaded; @refs: how often it is in use. */
static bool module_loaded(const char *name, char *refs, size_t size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	f = fopen(path, "re");
	if (!f) {
		snprintf(path, sizeof(path), "/sys/module/%s", name);
		snprintf(refs, size, "?");
		return !access(path, F_OK);
	}
	if (!fgets(refs, size, f))
		snprintf(refs, size, "?");
	refs[strcspn(refs, "\n")] = 0;
	fclose(f);
	return true;
}

static void report_kernel(void)
{
	char refs[32], text[256];
	struct utsname name;

	if (!uname(&name)) {
		snprintf(text, sizeof(text), "%s %s %s", name.sysname, name.release, name.machine);
		say("kernel", text);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(rivals); i++) {
		if (!module_loaded(rivals[i], refs, sizeof(refs)))
			continue;
		snprintf(text, sizeof(text), "%s is loaded (used by %s); if it holds the CPU:"
			 " modprobe -r %s", rivals[i], refs, rivals[i]);
		say("", text);
	}
}

/* What runs around a guest, and what it is good for. */
static void report_barriers(u32 bits)
{
	char text[512] = "barriers:";
	size_t len = strlen(text);

	for (const struct barrier *b = barriers; b->bit && len < sizeof(text); b++) {
		if (bits & b->bit)
			len += snprintf(text + len, sizeof(text) - len, " %s (%s)", b->name,
					b->against);
	}
	say("", bits ? text : "barriers: none");
}

/* Of a parameter, or of a feature with one that is called like it. */
static bool param_is_off(const char *name)
{
	char path[128] = "/sys/module/vmm/parameters/", value[8] = "";
	size_t len = strlen(path);
	FILE *f;

	for (; *name && len < sizeof(path) - 1; name++)
		path[len++] = *name == '-' ? '_' : *name;
	path[len] = 0;
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(value, sizeof(value), f))
		value[0] = 0;
	fclose(f);
	return value[0] == 'N' || value[0] == '0';
}

static bool feature_is_off(const struct module_feature *f)
{
	if (!f->params[0])
		return param_is_off(f->name);
	return param_is_off(f->params[0]) || (f->params[1] && param_is_off(f->params[1]));
}

/* What is not in use was switched off by the module's parameters, or is not there. */
static void report_features(const struct vmm_info *info)
{
	char uses[512] = "uses:", lacks[512] = "lacks:", off[512] = "switched off:";
	char unused[512] = "unused:";

	for (unsigned int i = 0; i < ARRAY_SIZE(module_features); i++) {
		const struct module_feature *f = &module_features[i];
		const struct feature one = { f->bit, f->name };

		if (f->vendor && f->vendor != info->vendor)
			continue;
		if (info->features & f->bit)
			list_features(uses, sizeof(uses), &one, 1, ~0ULL);
		else if (feature_is_off(f))
			list_features(off, sizeof(off), &one, 1, ~0ULL);
		else
			list_features(lacks, sizeof(lacks), &one, 1, ~0ULL);
	}
	list_features(uses, sizeof(uses), module_extras, ARRAY_SIZE(module_extras),
		      info->features);
	list_features(unused, sizeof(unused), module_unused, ARRAY_SIZE(module_unused),
		      info->features);
	say("", uses);
	say_list(lacks);
	say_list(off);
	say_list(unused);
}

static void report_info(const struct vmm_info *info)
{
	char text[384];

	snprintf(text, sizeof(text), "%s, interface %u.%u (this vmm: %u.%u)",
		 info->vendor == VMM_VENDOR_SVM ? "AMD-V" : "VT-x", info->abi_major,
		 info->abi_minor, VMM_ABI_MAJOR, VMM_ABI_MINOR);
	say_ok("module", text);
	snprintf(text, sizeof(text), "%u CPUs and %u memory slots per VM, %u address bits,"
		 " %u ASIDs, TSC at %u kHz", info->max_vcpus, info->max_slots, info->phys_bits,
		 info->asids, info->tsc_khz);
	say("", text);
	report_features(info);
	report_barriers(info->barriers);
}

static void report_module(struct report *report)
{
	char refs[32];
	struct error err = { 0 };
	struct hm *hm;

	if (!module_loaded("vmm", refs, sizeof(refs)) && access(HM_DEVICE, F_OK)) {
		say_missing(report, "module", "vmm.ko is not loaded; modprobe vmm");
		return;
	}
	if (access(HM_DEVICE, F_OK)) {
		say_missing(report, "module", "vmm.ko is loaded, but there is no " HM_DEVICE
			    "; is udev running?");
		return;
	}
	if (access(HM_DEVICE, R_OK | W_OK)) {
		say_missing(report, "module", "no rights to " HM_DEVICE
			    "; it wants membership of the group vmm, or root");
		return;
	}
	if (hm_open(&hm, &err)) {
		say_missing(report, "module", err.text);
		return;
	}
	report_info(hm_info(hm));
	hm_close(hm);
}

static int host_run(void *args, struct error *err)
{
	struct report report = { 0 };

	report_brand();
	report_virtualisation(&report);
	report_kernel();
	report_module(&report);
	if (report.missing)
		printf("not ready to run a guest: %u missing\n", report.missing);
	else
		printf("ready to run a guest\n");
	return report.missing ? CLI_STATUS_FAILED : 0;
}

static const struct cli_option host_options[] = { { 0 } };

const struct cli_command cli_host = {
	.name = "host",
	.operands = "",
	.help = "what this CPU, kernel and module offer, and what is missing",
	.details = "exit status: 0 a guest could run, 125 something is missing\n",
	.options = host_options,
	.run = host_run,
};
