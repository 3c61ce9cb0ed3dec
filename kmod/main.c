// SPDX-License-Identifier: GPL-2.0
/*
 * The module: choosing the vendor, /dev/vmm and its few calls.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/stat.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cpu.h"
#include "cpuid.h"
#include "fpu.h"
#include "hw.h"
#include "ioctl.h"
#include "mitigate.h"
#include "npt.h"
#include "vm.h"

const struct vmm_hw_ops *hw;
DEFINE_STATIC_CALL_NULL(hw_enter, hw_enter_fn);
struct vmm_info hw_info;
struct hw_passes hw_passes;

static long dev_get_info(void *object, void *arg)
{
	struct vmm_info *info = arg;

	*info = hw_info;
	/* Since the module was loaded the host may have measured it anew, or lost its trust. */
	info->tsc_khz = tsc_khz;
	if (check_tsc_unstable())
		info->features &= ~VMM_FEATURE_TSC_STABLE;
	return 0;
}

static long dev_get_cpuid(void *object, void *arg)
{
	struct vmm_cpuid *req = arg;

	if (req->pad)
		return -EINVAL;
	return cpuid_supported(req);
}

static long dev_create_vm(void *object, void *arg)
{
	struct vmm_vm_create *req = arg;

	if (req->flags || req->pad)
		return -EINVAL;
	return vm_create();
}

static const struct ioctl_row dev_rows[] = {
	{ VMM_GET_INFO,  IOCTL_UNLOCKED, dev_get_info },
	{ VMM_GET_CPUID, IOCTL_UNLOCKED, dev_get_cpuid },
	{ VMM_CREATE_VM, IOCTL_UNLOCKED, dev_create_vm },
};

static long dev_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	return ioctl_dispatch(dev_rows, ARRAY_SIZE(dev_rows), NULL, NULL, command, arg);
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmm",
	.mode = 0660,
	.fops = &dev_fops,
};

/* The vendors that were built in; a CPU has at most one of them. */
static const struct vmm_hw_ops *const main_vendors[] = {
#ifdef CONFIG_SVM
	&svm_ops,
#endif
#ifdef CONFIG_VMX
	&vmx_ops,
#endif
	NULL
};

static int main_find_vendor(void)
{
	int i, err = -ENODEV;

	hw_info.abi_major = VMM_ABI_MAJOR;
	hw_info.abi_minor = VMM_ABI_MINOR;
	hw_info.max_vcpus = VMM_MAX_VCPUS;
	hw_info.max_slots = VMM_MAX_SLOTS;
	hw_info.phys_bits = boot_cpu_data.x86_phys_bits;
	if (check_tsc_unstable() == 0)
		hw_info.features |= VMM_FEATURE_TSC_STABLE;
	if (sched_info_on())
		hw_info.features |= VMM_FEATURE_STEAL_TIME;
	if (IS_ENABLED(CONFIG_HM_PARANOIA))
		hw_info.features |= VMM_FEATURE_PARANOIA;
	for (i = 0; main_vendors[i] && err == -ENODEV; i++) {
		hw = main_vendors[i];
		err = hw->setup(&hw_info);
	}
	if (err == -ENODEV)
		pr_err("this CPU offers neither AMD-V nor VT-x that can be used here\n");
	return err;
}

static int __init main_init(void)
{
	int err;

	err = main_find_vendor();
	if (err)
		return err;
	hw_info.vendor = hw->vendor;
	static_call_update(hw_enter, hw->enter);
	mitigate_setup(&hw_info);
	err = fpu_setup();
	if (err)
		goto err_hw;
	err = cpu_setup();
	if (err)
		goto err_hw;
	err = misc_register(&dev_misc);
	if (err)
		goto err_cpu;
	pr_info("%s, %u-level nested paging, %u ASIDs\n", hw->name,
		hw_info.features & VMM_FEATURE_LEVEL5 ? 5 : 4, hw_info.asids);
	return 0;

err_cpu:
	cpu_teardown();
err_hw:
	hw->teardown();
	return err;
}

static void __exit main_exit(void)
{
	misc_deregister(&dev_misc);
	cpu_teardown();
	hw->teardown();
}

module_init(main_init);
module_exit(main_exit);

MODULE_DESCRIPTION("Hypervisor for AMD-V and VT-x");
MODULE_LICENSE("GPL");
