// SPDX-License-Identifier: GPL-2.0
/*
 * HM's user half; hm.h says what it is. A row of the interface is one
 * function here, and every failure to get at the module is explained once, in
 * hm_open() and hm_vm_create().
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/hm.h"

struct hm {
	int fd;
	struct vmm_info info;
};

struct hm_vm {
	int fd;
	struct vmm_info info;
	u32 vcpu_count;
	struct hm_vcpu *vcpu[HM_MAX_VCPUS];
};

static int hm_call(int fd, unsigned long command, const void *arg)
{
	int ret = ioctl(fd, command, arg);

	return ret < 0 ? -errno : ret;
}

/* ---- the host --------------------------------------------------------------- */

static int hm_open_failed(struct error *err)
{
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return error_set(err, errno, HM_DEVICE ": the module is not loaded; "
				 "load the module with `modprobe vmm`");
	case EACCES:
	case EPERM:
		return error_set(err, errno, HM_DEVICE ": no permission; its users are the "
				 "members of group vmm (`adduser NAME vmm`, then log in again)");
	default:
		return error_errno(err, errno, HM_DEVICE);
	}
}

static int hm_check_abi(const struct vmm_info *info, struct error *err)
{
	const u32 minor = VMM_ABI_MINOR;

	if (info->abi_major == VMM_ABI_MAJOR && info->abi_minor >= minor)
		return 0;
	return error_set(err, EPROTO, HM_DEVICE ": the loaded module speaks interface %u.%u, "
			 "this vmm needs %u.%u; install both from the same version",
			 info->abi_major, info->abi_minor, VMM_ABI_MAJOR, VMM_ABI_MINOR);
}

int hm_open(struct hm **out, struct error *err)
{
	struct hm *hm = calloc(1, sizeof(*hm));
	int ret;

	if (!hm)
		return error_errno(err, ENOMEM, HM_DEVICE);
	hm->fd = open(HM_DEVICE, O_RDWR | O_CLOEXEC);
	if (hm->fd < 0) {
		ret = hm_open_failed(err);
		goto err_free;
	}
	ret = hm_call(hm->fd, VMM_GET_INFO, &hm->info);
	if (ret < 0) {
		error_set(err, -ret, HM_DEVICE ": the loaded module does not speak interface %u "
			  "of this vmm (%s)", VMM_ABI_MAJOR, strerror(-ret));
		goto err_close;
	}
	ret = hm_check_abi(&hm->info, err);
	if (ret)
		goto err_close;
	*out = hm;
	return 0;

err_close:
	close(hm->fd);
err_free:
	free(hm);
	return ret;
}

void hm_close(struct hm *hm)
{
	if (!hm)
		return;
	close(hm->fd);
	free(hm);
}

const struct vmm_info *hm_info(const struct hm *hm)
{
	return &hm->info;
}

int hm_cpuid(struct hm *hm, struct vmm_cpuid_entry *entries, u32 *count, struct error *err)
{
	struct vmm_cpuid arg = { .count = *count, .entries = (uintptr_t)entries };
	int ret = hm_call(hm->fd, VMM_GET_CPUID, &arg);

	if (ret < 0)
		return error_errno(err, -ret, HM_DEVICE ": what the CPU can offer a guest");
	*count = arg.count;
	return 0;
}

/* ---- a VM ---------------------------------------------------------------------- */

int hm_vm_create(struct hm_vm **out, struct hm *hm, struct error *err)
{
	struct vmm_vm_create arg = { 0 };
	struct hm_vm *vm = calloc(1, sizeof(*vm));
	int ret;

	if (!vm)
		return error_errno(err, ENOMEM, HM_DEVICE);
	vm->info = hm->info;
	do
		vm->fd = hm_call(hm->fd, VMM_CREATE_VM, &arg);
	while (vm->fd == -EINTR);
	if (vm->fd >= 0) {
		*out = vm;
		return 0;
	}
	if (vm->fd == -EBUSY)
		ret = error_set(err, EBUSY, HM_DEVICE ": another hypervisor has the CPU; "
				"end its guests and unload it, with `modprobe -r %s` if it is KVM",
				hm->info.vendor == VMM_VENDOR_SVM ? "kvm_amd" : "kvm_intel");
	else
		ret = error_errno(err, -vm->fd, HM_DEVICE ": cannot create a VM");
	free(vm);
	return ret;
}

static void hm_vcpu_destroy(struct hm_vcpu *vcpu)
{
	munmap(vcpu->page, VMM_VCPU_MMAP_SIZE);
	close(vcpu->fd);
	free(vcpu);
}

void hm_vm_destroy(struct hm_vm *vm)
{
	if (!vm)
		return;
	for (u32 i = 0; i < vm->vcpu_count; i++)
		hm_vcpu_destroy(vm->vcpu[i]);
	close(vm->fd);
	free(vm);
}

const struct vmm_info *hm_vm_info(const struct hm_vm *vm)
{
	return &vm->info;
}

int hm_vm_cpuid_set(struct hm_vm *vm, const struct vmm_cpuid_entry *entries, u32 count)
{
	struct vmm_cpuid arg = { .count = count, .entries = (uintptr_t)entries };

	return hm_call(vm->fd, VMM_VM_SET_CPUID, &arg);
}

int hm_vm_msrs_set(struct hm_vm *vm, const struct vmm_msr_answer *answers, u32 count)
{
	struct vmm_msr_answers arg = { .count = count, .entries = (uintptr_t)answers };

	return hm_call(vm->fd, VMM_VM_SET_MSRS, &arg);
}

int hm_vm_pv_set(struct hm_vm *vm, const struct vmm_pv *pv)
{
	return hm_call(vm->fd, VMM_VM_SET_PV, pv);
}

int hm_vm_hv_set(struct hm_vm *vm, const struct vmm_hv *hv)
{
	return hm_call(vm->fd, VMM_VM_SET_HV, hv);
}

int hm_vm_slot_set(struct hm_vm *vm, const struct vmm_slot *slot)
{
	return hm_call(vm->fd, VMM_VM_SET_SLOT, slot);
}

int hm_vm_dirty_get(struct hm_vm *vm, const struct vmm_dirty *dirty)
{
	return hm_call(vm->fd, VMM_VM_GET_DIRTY, dirty);
}

int hm_vm_dirty_clear(struct hm_vm *vm, const struct vmm_dirty *dirty)
{
	return hm_call(vm->fd, VMM_VM_CLEAR_DIRTY, dirty);
}

int hm_vm_clock_set(struct hm_vm *vm, const struct vmm_clock *clock)
{
	return hm_call(vm->fd, VMM_VM_SET_CLOCK, clock);
}

int hm_vm_clock_get(struct hm_vm *vm, struct vmm_clock *clock)
{
	return hm_call(vm->fd, VMM_VM_GET_CLOCK, clock);
}

int hm_vm_hv_state_set(struct hm_vm *vm, const struct vmm_hv_state *state)
{
	return hm_call(vm->fd, VMM_VM_SET_HV_STATE, state);
}

int hm_vm_msi_send(struct hm_vm *vm, u64 address, u32 data)
{
	struct vmm_msi arg = { .address = address, .data = data };

	return hm_call(vm->fd, VMM_VM_SEND_MSI, &arg);
}

int hm_vm_msi_waits(struct hm_vm *vm, u64 address, u32 data)
{
	struct vmm_msi arg = { .address = address, .data = data, .flags = VMM_MSI_ASK };

	return hm_call(vm->fd, VMM_VM_SEND_MSI, &arg);
}

int hm_vm_irqfd_set(struct hm_vm *vm, const struct vmm_irqfd *irqfd)
{
	return hm_call(vm->fd, VMM_VM_SET_IRQFD, irqfd);
}

int hm_vm_doorbell_set(struct hm_vm *vm, const struct vmm_doorbell *doorbell)
{
	return hm_call(vm->fd, VMM_VM_SET_DOORBELL, doorbell);
}

/* ---- a vCPU ---------------------------------------------------------------------- */

int hm_vcpu_create(struct hm_vcpu **out, struct hm_vm *vm, u32 apic_id, struct error *err)
{
	struct vmm_vcpu_create arg = {
		.apic_id = apic_id,
		.flags = vm->vcpu_count ? 0 : VMM_VCPU_BSP,
	};
	struct hm_vcpu *vcpu;
	void *map;
	int ret;

	if (vm->vcpu_count >= min(vm->info.max_vcpus, (u32)HM_MAX_VCPUS))
		return error_set(err, E2BIG, "cpus: the module offers at most %u",
				 vm->info.max_vcpus);
	vcpu = calloc(1, sizeof(*vcpu));
	if (!vcpu)
		return error_errno(err, ENOMEM, "CPU %u", apic_id);
	ret = hm_call(vm->fd, VMM_VM_CREATE_VCPU, &arg);
	if (ret < 0) {
		error_errno(err, -ret, HM_DEVICE ": cannot create CPU %u", apic_id);
		goto err_free;
	}
	vcpu->fd = ret;
	map = mmap(NULL, VMM_VCPU_MMAP_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (map == MAP_FAILED) {
		ret = error_errno(err, errno, HM_DEVICE ": cannot map the page of CPU %u", apic_id);
		goto err_close;
	}
	vcpu->vm = vm;
	vcpu->index = vm->vcpu_count;
	vcpu->page = map;
	vcpu->history = map + VMM_PAGE_SIZE;
	vm->vcpu[vm->vcpu_count++] = vcpu;
	*out = vcpu;
	return 0;

err_close:
	close(vcpu->fd);
err_free:
	free(vcpu);
	return ret;
}

u32 hm_vcpu_count(const struct hm_vm *vm)
{
	return vm->vcpu_count;
}

struct hm_vcpu *hm_vcpu(const struct hm_vm *vm, u32 index)
{
	return index < vm->vcpu_count ? vm->vcpu[index] : NULL;
}

int hm_vcpu_run(struct hm_vcpu *vcpu)
{
	return hm_call(vcpu->fd, VMM_VCPU_RUN, NULL);
}

int hm_vcpu_kick(struct hm_vcpu *vcpu)
{
	return hm_call(vcpu->fd, VMM_VCPU_KICK, NULL);
}

int hm_vcpu_fetch(struct hm_vcpu *vcpu, u32 groups)
{
	struct vmm_groups arg = { .mask = groups };

	return hm_call(vcpu->fd, VMM_VCPU_FETCH, &arg);
}

int hm_vcpu_store(struct hm_vcpu *vcpu)
{
	return hm_call(vcpu->fd, VMM_VCPU_STORE, NULL);
}

int hm_vcpu_reset(struct hm_vcpu *vcpu)
{
	return hm_call(vcpu->fd, VMM_VCPU_RESET, NULL);
}

int hm_vcpu_xsave_get(struct hm_vcpu *vcpu, void *data, u32 size)
{
	struct vmm_xsave arg = { .size = size, .data = (uintptr_t)data };

	return hm_call(vcpu->fd, VMM_VCPU_GET_XSAVE, &arg);
}

int hm_vcpu_xsave_set(struct hm_vcpu *vcpu, const void *data, u32 size)
{
	struct vmm_xsave arg = { .size = size, .data = (uintptr_t)data };

	return hm_call(vcpu->fd, VMM_VCPU_SET_XSAVE, &arg);
}

static int hm_vcpu_msrs(struct hm_vcpu *vcpu, unsigned long command, const struct vmm_msr *msrs,
			u32 *count)
{
	struct vmm_msrs arg = { .count = *count, .entries = (uintptr_t)msrs };
	int ret = hm_call(vcpu->fd, command, &arg);

	*count = arg.count;
	return ret;
}

int hm_vcpu_msrs_list(struct hm_vcpu *vcpu, struct vmm_msr *msrs, u32 *count)
{
	return hm_vcpu_msrs(vcpu, VMM_VCPU_LIST_MSRS, msrs, count);
}

int hm_vcpu_msrs_get(struct hm_vcpu *vcpu, struct vmm_msr *msrs, u32 *count)
{
	return hm_vcpu_msrs(vcpu, VMM_VCPU_GET_MSRS, msrs, count);
}

int hm_vcpu_msrs_set(struct hm_vcpu *vcpu, const struct vmm_msr *msrs, u32 *count)
{
	return hm_vcpu_msrs(vcpu, VMM_VCPU_SET_MSRS, msrs, count);
}

int hm_vcpu_lapic_get(struct hm_vcpu *vcpu, struct vmm_lapic *lapic)
{
	return hm_call(vcpu->fd, VMM_VCPU_GET_LAPIC, lapic);
}

int hm_vcpu_lapic_set(struct hm_vcpu *vcpu, const struct vmm_lapic *lapic)
{
	return hm_call(vcpu->fd, VMM_VCPU_SET_LAPIC, lapic);
}

int hm_vcpu_apic_access(struct hm_vcpu *vcpu, u32 offset, bool write, u32 *value)
{
	struct vmm_apic_access arg = { .offset = offset, .write = write, .value = *value };
	int ret = hm_call(vcpu->fd, VMM_VCPU_APIC_ACCESS, &arg);

	*value = arg.value;
	return ret;
}

int hm_vcpu_extint_set(struct hm_vcpu *vcpu, bool level)
{
	struct vmm_level arg = { .level = level };

	return hm_call(vcpu->fd, VMM_VCPU_SET_EXTINT, &arg);
}

int hm_vcpu_eoi_exits_set(struct hm_vcpu *vcpu, const u64 vectors[4])
{
	struct vmm_eoi_exits arg;

	memcpy(arg.vectors, vectors, sizeof(arg.vectors));
	return hm_call(vcpu->fd, VMM_VCPU_SET_EOI_EXITS, &arg);
}

int hm_vcpu_hv_set(struct hm_vcpu *vcpu, const struct vmm_hv_vcpu *hv)
{
	return hm_call(vcpu->fd, VMM_VCPU_SET_HV, hv);
}

int hm_vcpu_hv_timer_set(struct hm_vcpu *vcpu, const struct vmm_hv_timer *timer)
{
	return hm_call(vcpu->fd, VMM_VCPU_SET_HV_TIMER, timer);
}

int hm_vcpu_hv_timer_get(struct hm_vcpu *vcpu, struct vmm_hv_timer *timer)
{
	return hm_call(vcpu->fd, VMM_VCPU_GET_HV_TIMER, timer);
}

int hm_vcpu_pv_set(struct hm_vcpu *vcpu, enum vmm_pv_page what, u64 value)
{
	struct vmm_vcpu_pv arg = {
		.what = what,
		.flags = value & VMM_PV_ENABLED,
		.gpa = value & ~(u64)VMM_PV_ENABLED,
	};

	return hm_call(vcpu->fd, VMM_VCPU_SET_PV, &arg);
}

int hm_vcpu_pv_get(struct hm_vcpu *vcpu, enum vmm_pv_page what, u64 *value)
{
	struct vmm_vcpu_pv arg = { .what = what };
	int ret = hm_call(vcpu->fd, VMM_VCPU_GET_PV, &arg);

	*value = arg.gpa | arg.flags;
	return ret;
}
