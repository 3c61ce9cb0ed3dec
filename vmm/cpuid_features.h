/* SPDX-License-Identifier: GPL-2.0 */
/* The features of CPUID by name; a list for vmm/cpuid.c. */
#ifndef VMM_CPUID_FEATURES_H
#define VMM_CPUID_FEATURES_H

#include "base/base.h"

enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

struct cpuid_feature {
	const char *name;		/* as in /proc/cpuinfo */
	u32 leaf;
	u32 subleaf;
	enum cpuid_reg reg;
	u8 bit;
	const char *needs;		/* cannot be without this one */
};

#define _F(_name, _leaf, _reg, _bit, _needs) \
	{ .name = _name, .leaf = _leaf, .reg = _reg, .bit = _bit, .needs = _needs }
#define F1C(name, bit, needs)	_F(name, 1, CPUID_ECX, bit, needs)
#define F1D(name, bit, needs)	_F(name, 1, CPUID_EDX, bit, needs)
#define F7B(name, bit, needs)	_F(name, 7, CPUID_EBX, bit, needs)
#define F7C(name, bit, needs)	_F(name, 7, CPUID_ECX, bit, needs)
#define F7D(name, bit, needs)	_F(name, 7, CPUID_EDX, bit, needs)
#define F81C(name, bit, needs)	_F(name, 0x80000001, CPUID_ECX, bit, needs)
#define F81D(name, bit, needs)	_F(name, 0x80000001, CPUID_EDX, bit, needs)

static const struct cpuid_feature cpuid_features[] = {
	F1C("pni", 0, NULL), F1C("pclmulqdq", 1, NULL), F1C("monitor", 3, NULL),
	F1C("ssse3", 9, NULL), F1C("fma", 12, "avx"), F1C("cx16", 13, NULL),
	F1C("pcid", 17, NULL), F1C("sse4_1", 19, NULL), F1C("sse4_2", 20, NULL),
	F1C("x2apic", 21, NULL), F1C("movbe", 22, NULL), F1C("popcnt", 23, NULL),
	F1C("tsc_deadline_timer", 24, NULL), F1C("aes", 25, NULL), F1C("xsave", 26, NULL),
	F1C("avx", 28, "xsave"), F1C("f16c", 29, "avx"), F1C("rdrand", 30, NULL),
	F1D("vme", 1, NULL), F1D("de", 2, NULL), F1D("pse", 3, NULL), F1D("pae", 6, NULL),
	F1D("mce", 7, NULL), F1D("cx8", 8, NULL), F1D("sep", 11, NULL), F1D("mtrr", 12, NULL),
	F1D("pge", 13, NULL), F1D("mca", 14, "mce"), F1D("pat", 16, NULL), F1D("pse36", 17, NULL),
	F1D("clflush", 19, NULL),
	F7B("fsgsbase", 0, NULL), F7B("tsc_adjust", 1, NULL), F7B("bmi1", 3, NULL),
	F7B("avx2", 5, "avx"), F7B("smep", 7, NULL), F7B("bmi2", 8, NULL), F7B("erms", 9, NULL),
	F7B("invpcid", 10, "pcid"), F7B("avx512f", 16, "avx2"), F7B("avx512dq", 17, "avx512f"),
	F7B("rdseed", 18, NULL), F7B("adx", 19, NULL), F7B("smap", 20, NULL),
	F7B("avx512ifma", 21, "avx512f"), F7B("clflushopt", 23, NULL), F7B("clwb", 24, NULL),
	F7B("avx512cd", 28, "avx512f"), F7B("sha_ni", 29, NULL), F7B("avx512bw", 30, "avx512f"),
	F7B("avx512vl", 31, "avx512f"),
	F7C("avx512vbmi", 1, "avx512bw"), F7C("umip", 2, NULL), F7C("pku", 3, "xsave"),
	F7C("avx512_vbmi2", 6, "avx512bw"), F7C("gfni", 8, NULL), F7C("vaes", 9, "avx"),
	F7C("vpclmulqdq", 10, "avx"), F7C("avx512_vnni", 11, "avx512f"),
	F7C("avx512_bitalg", 12, "avx512bw"), F7C("avx512_vpopcntdq", 14, "avx512f"),
	F7C("la57", 16, NULL), F7C("rdpid", 22, NULL),
	F7D("fsrm", 4, NULL),
	F81C("lahf_lm", 0, NULL), F81C("abm", 5, NULL), F81C("sse4a", 6, NULL),
	F81C("misalignsse", 7, NULL), F81C("3dnowprefetch", 8, NULL), F81C("xop", 11, "avx"),
	F81C("fma4", 16, "avx"), F81C("tbm", 21, NULL),
	F81D("syscall", 11, NULL), F81D("nx", 20, NULL), F81D("mmxext", 22, NULL),
	F81D("fxsr_opt", 25, NULL), F81D("pdpe1gb", 26, NULL), F81D("rdtscp", 27, NULL),
	{ .name = "xsaveopt", .leaf = 0xd, .subleaf = 1, .reg = CPUID_EAX, .bit = 0,
	  .needs = "xsave" },
	{ .name = "xsavec", .leaf = 0xd, .subleaf = 1, .reg = CPUID_EAX, .bit = 1,
	  .needs = "xsave" },
	{ .name = "xgetbv1", .leaf = 0xd, .subleaf = 1, .reg = CPUID_EAX, .bit = 2,
	  .needs = "xsave" },
	{ .name = "xsaves", .leaf = 0xd, .subleaf = 1, .reg = CPUID_EAX, .bit = 3,
	  .needs = "xsavec" },
	_F("constant_tsc", 0x80000007, CPUID_EDX, 8, NULL),
	_F("clzero", 0x80000008, CPUID_EBX, 0, NULL),
};

#endif
