// SPDX-License-Identifier: GPL-2.0
/*
 * Turning virtualisation on and off, CPU by CPU.
 *
 * Owns the count of VMs and, per CPU, whether it is on. cpu_lock guards the
 * count; the per-CPU flag is written by its own CPU alone. CPUs that come up
 * while a VM lives are enabled before anything runs there, and refuse to come
 * up if that fails. Suspend, shutdown, kexec and crash leave no CPU in it:
 * VMRUN and VMX operation would survive into the next kernel or fault there.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/reboot.h>
#include <asm/reboot.h>

#include "compat.h"
#include "cpu.h"
#include "hw.h"
#include "msr.h"

static DEFINE_MUTEX(cpu_lock);
static unsigned int cpu_users;
static bool cpu_emergency_ours;		/* the kernel's callback is; under cpu_lock */
static enum cpuhp_state cpu_hp_state;
DEFINE_PER_CPU(bool, cpu_is_on);

static int cpu_enable_here(void)
{
	int err;

	if (__this_cpu_read(cpu_is_on))
		return 0;
	err = hw->cpu_enable();
	if (!err)
		__this_cpu_write(cpu_is_on, true);
	return err;
}

static void cpu_disable_here(void)
{
	if (!__this_cpu_read(cpu_is_on))
		return;
	__this_cpu_write(cpu_is_on, false);
	msr_unload_cpu();
	hw->cpu_disable();
}

static void cpu_enable_ipi(void *err)
{
	int ret = cpu_enable_here();

	if (ret)
		WRITE_ONCE(*(int *)err, ret);
}

static void cpu_disable_ipi(void *unused)
{
	cpu_disable_here();
}

/*
 * The hotplug callbacks run on the CPU itself, with interrupts on but pinned
 * to it. cpu_users cannot change meanwhile: cpu_get() holds cpus_read_lock().
 */
static int cpu_comes(unsigned int cpu)
{
	unsigned long flags;
	int err = 0;

	local_irq_save(flags);
	if (cpu_users)
		err = cpu_enable_here();
	local_irq_restore(flags);
	if (err)
		pr_err("CPU %u stays offline: virtualisation cannot be enabled (%d)\n", cpu, err);
	return err;
}

static int cpu_goes(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	cpu_disable_here();
	local_irq_restore(flags);
	return 0;
}

/* On each CPU of a crashing kernel, maybe from NMI: no locks, no messages. */
static void cpu_emergency(void)
{
	cpu_disable_here();
}

/*
 * The kernel has room for one callback and warns of a second. KVM takes it
 * when it is loaded, or when it turns virtualisation on; that of an idle KVM
 * turns it off for us as well.
 */
static bool cpu_emergency_is_taken(void)
{
	static const char *const rivals[] = { "kvm_intel", "kvm_amd" };
	struct kobject *found = NULL;
	int i;

	for (i = 0; i < ARRAY_SIZE(rivals) && !found; i++)
		found = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, rivals[i]);
	kobject_put(found);
	return found;
}

/* cpu_lock held. */
static void cpu_emergency_get(void)
{
	cpu_emergency_ours = !cpu_emergency_is_taken();
	if (cpu_emergency_ours)
		cpu_emergency_register_virt_callback(cpu_emergency);
}

static void cpu_emergency_put(void)
{
	if (cpu_emergency_ours)
		cpu_emergency_unregister_virt_callback(cpu_emergency);
	cpu_emergency_ours = false;
}

int cpu_get(void)
{
	int err = 0;

	preempt_notifier_inc();
	cpus_read_lock();
	mutex_lock(&cpu_lock);
	if (!cpu_users++) {
		on_each_cpu(cpu_enable_ipi, &err, 1);
		if (err) {
			on_each_cpu(cpu_disable_ipi, NULL, 1);
			cpu_users--;
		} else {
			cpu_emergency_get();
		}
	}
	mutex_unlock(&cpu_lock);
	cpus_read_unlock();
	if (err)
		preempt_notifier_dec();
	return err;
}

void cpu_put(void)
{
	cpus_read_lock();
	mutex_lock(&cpu_lock);
	if (!--cpu_users) {
		cpu_emergency_put();
		on_each_cpu(cpu_disable_ipi, NULL, 1);
	}
	mutex_unlock(&cpu_lock);
	cpus_read_unlock();
	preempt_notifier_dec();
}

/* Suspend and resume of the last CPU: alone, interrupts off. */
static int cpu_suspend(COMPAT_SYSCORE_ARG)
{
	cpu_disable_here();
	return 0;
}

static void cpu_resume(COMPAT_SYSCORE_ARG)
{
	if (cpu_users && cpu_enable_here())
		pr_err("virtualisation did not come back after suspend\n");
}

static void cpu_shutdown(COMPAT_SYSCORE_ARG)
{
	on_each_cpu(cpu_disable_ipi, NULL, 1);
}

COMPAT_SYSCORE(cpu_syscore, cpu_suspend, cpu_resume, cpu_shutdown);

int cpu_setup(void)
{
	int ret;

	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "vmm:online", cpu_comes, cpu_goes);
	if (ret < 0)
		return ret;
	cpu_hp_state = ret;
	compat_register_syscore(&cpu_syscore);
	return 0;
}

void cpu_teardown(void)
{
	compat_unregister_syscore(&cpu_syscore);
	cpuhp_remove_state(cpu_hp_state);
}
