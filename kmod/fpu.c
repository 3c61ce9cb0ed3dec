// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's FPU state is a second fpstate of the task that runs the vCPU:
 * the scheduler saves and restores it like any other, and the caller's is
 * back before RUN returns. XCR0, PKRU and IA32_XSS are the guest's only with
 * interrupts off around the entry, as the host's interrupts use them.
 *
 * A guest that can execute XSAVES would reach the host's supervisor states by
 * it; its IA32_XSS is 0.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

#include "fpu.h"
#include "hw.h"

/* Offered to guests where the host has them. AMX is not: it needs permission by XFD. */
#define FPU_XCR0_OFFERED (XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512 | \
			  XFEATURE_MASK_PKRU)

static u64 fpu_host_xcr0;
static u64 fpu_host_xss;		/* 0 also where guests do not get at it */

int fpu_setup(void)
{
	u32 eax, ebx, ecx, edx;

	hw_info.xcr0 = XFEATURE_MASK_FP;
	hw_info.xsave_size = 4096;
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return 0;
	fpu_host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	hw_info.xcr0 = fpu_host_xcr0 & FPU_XCR0_OFFERED;
	cpuid_count(0xd, 0, &eax, &ebx, &ecx, &edx);
	hw_info.xsave_size = ALIGN(max(ecx, 4096U), PAGE_SIZE);
	if (hw_passes.xsaves)
		rdmsrl(MSR_IA32_XSS, fpu_host_xss);
	return 0;
}

int fpu_create(struct vcpu *vcpu)
{
	return fpu_alloc_guest_fpstate(&vcpu->fpu) ? 0 : -ENOMEM;
}

void fpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->fpu.fpstate)
		fpu_free_guest_fpstate(&vcpu->fpu);
}

/* "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT" */
static const struct xregs_state fpu_power_up = {
	.i387 = { .cwd = 0x40, .twd = 0xff, .mxcsr = MXCSR_DEFAULT },
	.header = { .xfeatures = XFEATURE_MASK_FPSSE },
};

void fpu_reset(struct vcpu *vcpu)
{
	u32 pkru;

	/* The size of what is read follows from xfeatures. */
	WARN_ON_ONCE(fpu_copy_uabi_to_guest_fpstate(&vcpu->fpu, &fpu_power_up, hw_info.xcr0,
						    &pkru));
	vcpu->pkru = 0;
}

void fpu_get(struct vcpu *vcpu)
{
	if (!vcpu->fpu_loaded)
		fpu_swap_kvm_fpstate(&vcpu->fpu, true);
	vcpu->fpu_loaded = true;
}

void fpu_put(struct vcpu *vcpu)
{
	if (vcpu->fpu_loaded)
		fpu_swap_kvm_fpstate(&vcpu->fpu, false);
	vcpu->fpu_loaded = false;
}

void fpu_enter(struct vcpu *vcpu)
{
	if (unlikely(test_thread_flag(TIF_NEED_FPU_LOAD)))
		switch_fpu_return();
	if (fpu_host_xcr0 && vcpu->xcr0 != fpu_host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0);
	if (unlikely(fpu_host_xss))
		wrmsrl(MSR_IA32_XSS, 0);
	if ((hw_info.xcr0 & XFEATURE_MASK_PKRU) && vcpu->pkru != current->thread.pkru)
		wrpkru(vcpu->pkru);
}

void fpu_leave(struct vcpu *vcpu)
{
	if (hw_info.xcr0 & XFEATURE_MASK_PKRU) {
		vcpu->pkru = rdpkru();
		if (vcpu->pkru != current->thread.pkru)
			wrpkru(current->thread.pkru);
	}
	if (unlikely(fpu_host_xss))
		wrmsrl(MSR_IA32_XSS, fpu_host_xss);
	/* An emulator may let XSETBV through although it is intercepted. */
	if (fpu_host_xcr0) {
		vcpu->xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		if (vcpu->xcr0 != fpu_host_xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, fpu_host_xcr0);
	}
}

bool fpu_xcr0_valid(u64 xcr0)
{
	u64 avx512 = xcr0 & XFEATURE_MASK_AVX512;

	if (!(xcr0 & XFEATURE_MASK_FP) || (xcr0 & ~hw_info.xcr0))
		return false;
	if ((xcr0 & XFEATURE_MASK_YMM) && !(xcr0 & XFEATURE_MASK_SSE))
		return false;
	if (avx512 && (avx512 != XFEATURE_MASK_AVX512 || !(xcr0 & XFEATURE_MASK_YMM)))
		return false;
	return true;
}

long fpu_get_xsave(struct vcpu *vcpu, const struct vmm_xsave *req)
{
	void *buf;
	long err = 0;

	if (req->size > hw_info.xsave_size)
		return -EINVAL;
	buf = kvzalloc(hw_info.xsave_size, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	fpu_copy_guest_fpstate_to_uabi(&vcpu->fpu, buf, hw_info.xsave_size, hw_info.xcr0,
				       vcpu->pkru);
	if (copy_to_user((void __user *)req->data, buf, req->size))
		err = -EFAULT;
	kvfree(buf);
	return err;
}

long fpu_set_xsave(struct vcpu *vcpu, const struct vmm_xsave *req)
{
	void *buf;
	long err;

	if (req->size > hw_info.xsave_size || req->size < 576)
		return -EINVAL;
	buf = kvzalloc(hw_info.xsave_size, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	err = -EFAULT;
	if (!copy_from_user(buf, (void __user *)req->data, req->size))
		err = fpu_copy_uabi_to_guest_fpstate(&vcpu->fpu, buf, hw_info.xcr0, &vcpu->pkru);
	kvfree(buf);
	return err;
}
