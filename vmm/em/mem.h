/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interpreter's memory operations, on top of the guest page walk and of
 * whoever knows guest-physical space.
 */
#ifndef VMM_EM_MEM_H
#define VMM_EM_MEM_H

#include "base/base.h"
#include "pgm/walk.h"
#include "vmm/em/interp.h"

struct em_mem_ops {
	/*
	 * Host address of [@gpa, @gpa + @size) if all of it is RAM (or ROM,
	 * unless @write), else NULL; never crosses a page. Good until the
	 * vCPU's next entry; RAM handed out for writing counts as dirty.
	 */
	void *(*ram)(void *ctx, gpa_t gpa, unsigned int size, bool write);
	/* Everything else. @size is 1, 2, 4 or 8. 0 or -errno, which stops the VM. */
	int (*mmio_read)(void *ctx, gpa_t gpa, void *buf, unsigned int size);
	int (*mmio_write)(void *ctx, gpa_t gpa, const void *buf, unsigned int size);
};

/* One vCPU's view of memory, filled anew for each instruction. */
struct em_mem {
	struct pgm_paging paging;
	const struct em_mem_ops *ops;
	void *ctx;
};

/* As in struct interp_ops, @ctx being a struct em_mem. */
int em_mem_fetch(void *ctx, gva_t gva, void *buf, unsigned int size,
		 struct interp_exception *ex);
int em_mem_read(void *ctx, gva_t gva, void *buf, unsigned int size, bool for_write,
		struct interp_exception *ex);
int em_mem_write(void *ctx, gva_t gva, const void *buf, unsigned int size,
		 struct interp_exception *ex);
int em_mem_cmpxchg(void *ctx, gva_t gva, void *old, const void *new, unsigned int size,
		   struct interp_exception *ex);

#endif
