// SPDX-License-Identifier: GPL-2.0
/* Single pages out of the one-to-one map: a large page is split when asked. */
#include "guest.h"

#define TABLES 24

static u64 tables[TABLES][512] __attribute__((aligned(4096)));
static unsigned int tables_used;

u64 *pte_alloc_table(void)
{
	if (tables_used == TABLES) {
		printf("FAIL runtime: out of page tables\n");
		guest_exit(99);
	}
	return tables[tables_used++];
}

u64 *pte_get(u64 va)
{
	u64 *pde = &page_dirs[va >> 21];
	u64 *table;

	if (*pde & PTE_PS) {
		u64 base = *pde & ~PTE_PS;

		table = pte_alloc_table();
		for (int i = 0; i < 512; i++)
			table[i] = base + i * PAGE_SIZE;
		*pde = (u64)table | PTE_P | PTE_W | PTE_U;
		write_cr3(read_cr3());
	}
	table = (u64 *)(*pde & ~0xfffUL);
	return &table[va >> 12 & 511];
}

void pte_set(u64 va, u64 pte)
{
	*pte_get(va) = pte;
	invlpg(va);
}

void pte_reset(u64 va)
{
	u64 uncached = va >= 0xc0000000 ? 0x18 : 0;

	pte_set(va, (va & ~0xfffUL) | uncached | PTE_P | PTE_W | PTE_U);
}
