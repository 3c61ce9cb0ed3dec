// SPDX-License-Identifier: GPL-2.0
/*
 * The vCPU: its making, its fd, the pages it shares, and the calls on it
 * other than RUN (run.c) and the groups of state (state.c).
 *
 * A vCPU lives as long as its VM, whatever happens to its fd.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "dirty.h"
#include "fpu.h"
#include "hv.h"
#include "hw.h"
#include "ioctl.h"
#include "lapic.h"
#include "mitigate.h"
#include "msr.h"
#include "npt.h"
#include "pv.h"
#include "run.h"
#include "state.h"
#include "vcpu.h"
#include "vm.h"
#include "yield.h"

static long vcpu_op_run(void *object, void *arg)
{
	return vcpu_run(object);
}

static long vcpu_op_kick(void *object, void *arg)
{
	vcpu_request(object, VCPU_REQ_KICK);
	return 0;
}

static long vcpu_op_fetch(void *object, void *arg)
{
	struct vmm_groups *req = arg;

	if (req->pad || (req->mask & ~VMM_GROUP_ALL))
		return -EINVAL;
	state_fetch(object, req->mask);
	return 0;
}

static long vcpu_op_store(void *object, void *arg)
{
	return state_store(object);
}

static long vcpu_op_get_xsave(void *object, void *arg)
{
	struct vmm_xsave *req = arg;

	return req->pad ? -EINVAL : fpu_get_xsave(object, req);
}

static long vcpu_op_set_xsave(void *object, void *arg)
{
	struct vmm_xsave *req = arg;

	return req->pad ? -EINVAL : fpu_set_xsave(object, req);
}

static long vcpu_op_list_msrs(void *object, void *arg)
{
	struct vmm_msrs *req = arg;

	return req->pad ? -EINVAL : msr_list(req);
}

static long vcpu_op_get_msrs(void *object, void *arg)
{
	struct vmm_msrs *req = arg;

	return req->pad ? -EINVAL : msr_get_many(object, req);
}

static long vcpu_op_set_msrs(void *object, void *arg)
{
	struct vmm_msrs *req = arg;

	return req->pad ? -EINVAL : msr_set_many(object, req);
}

static long vcpu_op_get_lapic(void *object, void *arg)
{
	lapic_get(object, arg);
	return 0;
}

static long vcpu_op_set_lapic(void *object, void *arg)
{
	return lapic_set(object, arg);
}

static long vcpu_op_apic_access(void *object, void *arg)
{
	struct vmm_apic_access *req = arg;

	if (req->pad || req->write > 1 || (req->offset & 3) || req->offset >= PAGE_SIZE)
		return -EINVAL;
	if (req->write)
		lapic_write(object, req->offset, req->value);
	else
		req->value = lapic_read(object, req->offset);
	return 0;
}

static long vcpu_op_set_extint(void *object, void *arg)
{
	struct vcpu *vcpu = object;
	struct vmm_level *req = arg;

	if (req->pad || req->level > 1)
		return -EINVAL;
	WRITE_ONCE(vcpu->extint, req->level);
	if (req->level)
		vcpu_request(vcpu, VCPU_REQ_EVENT);
	return 0;
}

static long vcpu_op_set_eoi_exits(void *object, void *arg)
{
	struct vcpu *vcpu = object;
	struct vmm_eoi_exits *req = arg;
	int i;

	for (i = 0; i < ARRAY_SIZE(vcpu->eoi_exits); i++)
		WRITE_ONCE(vcpu->eoi_exits[i], req->vectors[i]);
	/* A CPU that does EOIs by itself is told at the next entry. */
	vcpu_request(vcpu, VCPU_REQ_EVENT);
	return 0;
}

static long vcpu_op_reset(void *object, void *arg)
{
	vcpu_reset(object, false);
	return 0;
}

static long vcpu_op_set_hv(void *object, void *arg)
{
	return hv_vcpu_set(object, arg);
}

static long vcpu_op_set_hv_timer(void *object, void *arg)
{
	return hv_timer_set(object, arg);
}

static long vcpu_op_get_hv_timer(void *object, void *arg)
{
	return hv_timer_get(object, arg);
}

static long vcpu_op_set_pv(void *object, void *arg)
{
	return pv_vcpu_set(object, arg);
}

static long vcpu_op_get_pv(void *object, void *arg)
{
	return pv_vcpu_get(object, arg);
}

static const struct ioctl_row vcpu_rows[] = {
	{ VMM_VCPU_RUN,           IOCTL_VCPU,     vcpu_op_run },
	{ VMM_VCPU_KICK,          IOCTL_UNLOCKED, vcpu_op_kick },
	{ VMM_VCPU_FETCH,         IOCTL_VCPU,     vcpu_op_fetch },
	{ VMM_VCPU_STORE,         IOCTL_VCPU,     vcpu_op_store },
	{ VMM_VCPU_SET_EXTINT,    IOCTL_UNLOCKED, vcpu_op_set_extint },
	{ VMM_VCPU_APIC_ACCESS,   IOCTL_VCPU,     vcpu_op_apic_access },
	{ VMM_VCPU_SET_EOI_EXITS, IOCTL_UNLOCKED, vcpu_op_set_eoi_exits },
	{ VMM_VCPU_GET_XSAVE,     IOCTL_VCPU,     vcpu_op_get_xsave },
	{ VMM_VCPU_SET_XSAVE,     IOCTL_VCPU,     vcpu_op_set_xsave },
	{ VMM_VCPU_LIST_MSRS,     IOCTL_UNLOCKED, vcpu_op_list_msrs },
	{ VMM_VCPU_GET_MSRS,      IOCTL_VCPU,     vcpu_op_get_msrs },
	{ VMM_VCPU_SET_MSRS,      IOCTL_VCPU,     vcpu_op_set_msrs },
	{ VMM_VCPU_GET_LAPIC,     IOCTL_VCPU,     vcpu_op_get_lapic },
	{ VMM_VCPU_SET_LAPIC,     IOCTL_VCPU,     vcpu_op_set_lapic },
	{ VMM_VCPU_RESET,         IOCTL_VCPU,     vcpu_op_reset },
	{ VMM_VCPU_SET_HV,        IOCTL_VCPU,     vcpu_op_set_hv },
	{ VMM_VCPU_SET_PV,        IOCTL_VCPU,     vcpu_op_set_pv },
	{ VMM_VCPU_GET_PV,        IOCTL_VCPU,     vcpu_op_get_pv },
	{ VMM_VCPU_SET_HV_TIMER,  IOCTL_VCPU,     vcpu_op_set_hv_timer },
	{ VMM_VCPU_GET_HV_TIMER,  IOCTL_VCPU,     vcpu_op_get_hv_timer },
};

static long vcpu_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;

	if (!vm_is_callers(vcpu->vm))
		return -EIO;
	return ioctl_dispatch(vcpu_rows, ARRAY_SIZE(vcpu_rows), vcpu, &vcpu->lock, command, arg);
}

static vm_fault_t vcpu_mmap_fault(struct vm_fault *vmf)
{
	struct vcpu *vcpu = vmf->vma->vm_file->private_data;
	void *page;

	switch (vmf->pgoff) {
	case 0:
		page = vcpu->page;
		break;
	case 1:
		page = vcpu->history;
		break;
	default:
		return VM_FAULT_SIGBUS;
	}
	vmf->page = virt_to_page(page);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_mmap_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vcpu *vcpu = file->private_data;

	if (!vm_is_callers(vcpu->vm))
		return -EIO;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff ||
	    vma->vm_end - vma->vm_start != VMM_VCPU_MMAP_SIZE)
		return -EINVAL;
	/* mremap() would make it larger than what there is. */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *vcpu = file->private_data;

	vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

void vcpu_destroy(struct vcpu *vcpu)
{
	mitigate_forget(vcpu);
	if (vcpu->hw)
		hw->vcpu_destroy(vcpu);
	hv_timers_destroy(vcpu);
	if (vcpu->apic)
		lapic_destroy(vcpu);
	fpu_destroy(vcpu);
	yield_destroy(vcpu);
	npt_prepare_free(vcpu);
	dirty_log_destroy(vcpu);
	free_page((unsigned long)vcpu->page);
	free_page((unsigned long)vcpu->history);
	kfree(vcpu);
}

static struct vcpu *vcpu_alloc(struct vm *vm, const struct vmm_vcpu_create *req)
{
	struct vcpu *vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->vm = vm;
	vcpu->index = vm->vcpu_count;
	vcpu->apic_id = req->apic_id;
	vcpu->bsp = req->flags & VMM_VCPU_BSP;
	vcpu->cpu = -1;
	vcpu->eoi_vector = -1;
	vcpu->hv_timer_tsc = VCPU_NO_TIMER;
	mutex_init(&vcpu->lock);
	rcuwait_init(&vcpu->wait);
	run_vcpu_init(vcpu);
	yield_init(vcpu);
	vcpu->page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->history = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->page || !vcpu->history)
		goto err;
	err = fpu_create(vcpu);
	if (err)
		goto err;
	err = dirty_log_create(vcpu);
	if (err)
		goto err;
	/* The vendor may want to know of the page of registers. */
	err = lapic_create(vcpu);
	if (err)
		goto err;
	err = hw->vcpu_create(vcpu);
	if (err)
		goto err;
	vcpu_reset(vcpu, false);
	return vcpu;
err:
	vcpu_destroy(vcpu);
	return ERR_PTR(err);
}

static int vcpu_check_create(struct vm *vm, const struct vmm_vcpu_create *req)
{
	struct vcpu *other;
	u32 i;

	if ((req->flags & ~VMM_VCPU_BSP) || req->apic_id >= VMM_MAX_VCPUS)
		return -EINVAL;
	vm_for_each_vcpu(i, other, vm) {
		if (other->apic_id == req->apic_id)
			return -EEXIST;
		if (other->bsp && (req->flags & VMM_VCPU_BSP))
			return -EEXIST;
	}
	return 0;
}

long vcpu_create(struct vm *vm, const struct vmm_vcpu_create *req)
{
	struct vcpu *vcpu;
	struct file *file;
	int fd, err;

	err = vcpu_check_create(vm, req);
	if (err)
		return err;
	vcpu = vcpu_alloc(vm, req);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		err = fd;
		goto err_vcpu;
	}
	file = anon_inode_getfile("vmm-vcpu", &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto err_fd;
	}
	vm_get(vm);

	smp_store_release(&vm->by_apic_id[vcpu->apic_id], vcpu);
	WRITE_ONCE(vm->apic_id_end, max(vm->apic_id_end, vcpu->apic_id + 1));
	vm->vcpu[vm->vcpu_count] = vcpu;
	smp_store_release(&vm->vcpu_count, vm->vcpu_count + 1);
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
err_vcpu:
	vcpu_destroy(vcpu);
	return err;
}
