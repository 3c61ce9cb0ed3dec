// SPDX-License-Identifier: GPL-2.0
/*
 * The VM: its fd, its tables, its life.
 *
 * The VM fd and each vCPU fd hold a reference; what refers to the address
 * space (the mmu_notifier) is undone with the last of them, or when the
 * address space ends, whichever comes first. Each fd pins the module. What
 * refers to eventfds goes with the VM fd, for nobody can change it any more.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "apic_mmio.h"
#include "clock.h"
#include "cpu.h"
#include "cpuid.h"
#include "dirty.h"
#include "doorbell.h"
#include "hv.h"
#include "hw.h"
#include "ioctl.h"
#include "irqfd.h"
#include "lapic.h"
#include "mem.h"
#include "msr.h"
#include "npt.h"
#include "pv.h"
#include "vcpu.h"
#include "vm.h"

void vm_get(struct vm *vm)
{
	kref_get(&vm->ref);
}

static void vm_destroy(struct kref *ref)
{
	struct vm *vm = container_of(ref, struct vm, ref);
	u32 i;

	/* The mmu_notifier looks at the vCPUs until it is gone. */
	mem_destroy(vm);
	for (i = 0; i < vm->vcpu_count; i++)
		vcpu_destroy(vm->vcpu[i]);
	apic_page_destroy(vm);
	kvfree(vm->cpuid);
	kvfree(vm->msr);
	mmdrop(vm->mm);
	kfree(vm);
	cpu_put();
}

void vm_put(struct vm *vm)
{
	kref_put(&vm->ref, vm_destroy);
}

bool vm_is_callers(struct vm *vm)
{
	return current->mm == vm->mm;
}

static long vm_set_cpuid(void *object, void *arg)
{
	struct vmm_cpuid *req = arg;

	return req->pad ? -EINVAL : cpuid_set(object, req);
}

static long vm_set_msrs(void *object, void *arg)
{
	struct vmm_msr_answers *req = arg;

	return req->pad ? -EINVAL : msr_set_answers(object, req);
}

static long vm_send_msi(void *object, void *arg)
{
	struct vmm_msi *msi = arg;

	if (msi->flags & ~VMM_MSI_ASK)
		return -EINVAL;
	if (msi->flags & VMM_MSI_ASK)
		return lapic_msi_waits(object, msi->address, msi->data);
	return lapic_msi(object, msi->address, msi->data);
}

static long vm_create_vcpu(void *object, void *arg)
{
	return vcpu_create(object, arg);
}

static long vm_set_slot(void *object, void *arg)
{
	return mem_set_slot(object, arg);
}

static long vm_get_dirty(void *object, void *arg)
{
	return dirty_get(object, arg);
}

static long vm_clear_dirty(void *object, void *arg)
{
	return dirty_clear(object, arg);
}

static long vm_set_clock(void *object, void *arg)
{
	return clock_set(object, arg);
}

static long vm_get_clock(void *object, void *arg)
{
	clock_get(object, arg);
	return 0;
}

static long vm_set_pv(void *object, void *arg)
{
	return pv_set(object, arg);
}

static long vm_set_hv(void *object, void *arg)
{
	return hv_set(object, arg);
}

static long vm_set_hv_state(void *object, void *arg)
{
	return hv_set_state(object, arg);
}

static long vm_set_irqfd(void *object, void *arg)
{
	return irqfd_set(object, arg);
}

static long vm_set_doorbell(void *object, void *arg)
{
	return doorbell_set(object, arg);
}

static const struct ioctl_row vm_rows[] = {
	{ VMM_VM_SEND_MSI,    IOCTL_UNLOCKED, vm_send_msi },
	{ VMM_VM_GET_CLOCK,   IOCTL_UNLOCKED, vm_get_clock },
	{ VMM_VM_SET_CLOCK,   IOCTL_VM, vm_set_clock },
	{ VMM_VM_CREATE_VCPU, IOCTL_VM, vm_create_vcpu },
	{ VMM_VM_SET_SLOT,    IOCTL_VM, vm_set_slot },
	{ VMM_VM_GET_DIRTY,   IOCTL_VM, vm_get_dirty },
	{ VMM_VM_CLEAR_DIRTY, IOCTL_VM, vm_clear_dirty },
	{ VMM_VM_SET_CPUID,   IOCTL_VM, vm_set_cpuid },
	{ VMM_VM_SET_MSRS,    IOCTL_VM, vm_set_msrs },
	{ VMM_VM_SET_IRQFD,   IOCTL_VM, vm_set_irqfd },
	{ VMM_VM_SET_DOORBELL, IOCTL_VM, vm_set_doorbell },
	{ VMM_VM_SET_PV,      IOCTL_VM, vm_set_pv },
	{ VMM_VM_SET_HV,      IOCTL_VM, vm_set_hv },
	{ VMM_VM_SET_HV_STATE, IOCTL_VM, vm_set_hv_state },
};

static long vm_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct vm *vm = file->private_data;

	if (!vm_is_callers(vm))
		return -EIO;
	return ioctl_dispatch(vm_rows, ARRAY_SIZE(vm_rows), vm, &vm->lock, command, arg);
}

static int vm_release(struct inode *inode, struct file *file)
{
	struct vm *vm = file->private_data;

	irqfd_release(vm);
	doorbell_release(vm);
	vm_put(vm);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.release = vm_release,
	.llseek = noop_llseek,
};

static struct vm *vm_alloc(void)
{
	struct vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int err;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	init_rwsem(&vm->slots_lock);
	spin_lock_init(&vm->mmu_lock);
	clock_init(vm);
	mutex_init(&vm->hv.lock);
	irqfd_init(vm);
	mmgrab(current->mm);
	vm->mm = current->mm;
	err = apic_page_create(vm) ?: mem_create(vm);
	if (err) {
		apic_page_destroy(vm);
		mmdrop(vm->mm);
		kfree(vm);
		return ERR_PTR(err);
	}
	return vm;
}

long vm_create(void)
{
	struct vm *vm;
	int fd, err;

	err = cpu_get();
	if (err)
		return err;
	vm = vm_alloc();
	if (IS_ERR(vm)) {
		cpu_put();
		return PTR_ERR(vm);
	}
	/* The last thing that can fail: from here on user space can call. */
	fd = anon_inode_getfd("vmm-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vm_put(vm);
	return fd;
}
