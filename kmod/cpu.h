/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which CPUs have virtualisation turned on: by the first VM, off after the
 * last, and with the CPUs as they come, go, sleep and reboot.
 */
#ifndef KMOD_CPU_H
#define KMOD_CPU_H

#include <linux/percpu.h>

#include "vmm.h"

int cpu_setup(void);
void cpu_teardown(void);

/* One more VM; -EBUSY: another hypervisor has a CPU. Pairs with cpu_put(). */
int cpu_get(void);
void cpu_put(void);

DECLARE_PER_CPU(bool, cpu_is_on);

/*
 * False once a crash or reboot took virtualisation from this CPU; from then on
 * no guest is entered. Read with interrupts off.
 */
static inline bool cpu_is_enabled(void)
{
	return __this_cpu_read(cpu_is_on);
}

#endif
