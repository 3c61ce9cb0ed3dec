/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PDM as those see it who build and run the VM: EM and the assembly. Devices
 * see pdm.h alone.
 */
#ifndef PDM_PDM_VM_H
#define PDM_PDM_VM_H

#include "pdm/pdm.h"

struct hm_vm;
struct pgm;
struct tm_vm;

/* Keys of the terminal that are the monitor's, not the guest's. */
enum pdm_key { PDM_KEY_QUIT, PDM_KEY_DUMP, PDM_KEY_PAUSE };

/* What devices ask of the VM. Any thread, device locks held: only take note. */
struct pdm_vm_ops {
	void (*request)(void *ctx, enum pdm_request request, u64 arg);
	void (*key)(void *ctx, enum pdm_key key);
	/* A console line said that the guest's kernel panicked. */
	void (*panic_line)(void *ctx);
};

struct pdm_config {
	struct hm_vm *hm;		/* NULL in unit tests */
	struct tm_vm *tm;
	struct pgm *pgm;
	const struct pdm_vm_ops *ops;
	void *ctx;
};

int pdm_create(struct pdm **out, const struct pdm_config *config, struct error *err);
/* Timers and backends are quiet when it returns. The vCPUs have stopped before. */
void pdm_destroy(struct pdm *pdm);

/* @config is the group "chipset", or NULL. */
int pdm_chipset_create(struct pdm *pdm, const struct cfgm_node *config, struct error *err);
/* One device of the config's list; @node is its entry. */
int pdm_device_create(struct pdm *pdm, const struct cfgm_node *node, struct error *err);
/* The same by hand, for tests: @type need not be in the registry. */
int pdm_device_add(struct pdm *pdm, const struct pdm_device_type *type,
		   const struct cfgm_node *node, struct error *err);
/* Backends begin to read. */
int pdm_start(struct pdm *pdm, struct error *err);
void pdm_reset(struct pdm *pdm);

/* Port I/O of a vCPU, @size 1, 2 or 4. */
void pdm_port_read(struct pdm *pdm, u16 port, void *buf, u32 size);
void pdm_port_write(struct pdm *pdm, u16 port, const void *buf, u32 size);

/* INTA at the PIC: the vector to deliver. False: there is no PIC. */
bool pdm_extint_acknowledge(struct pdm *pdm, u8 *vector);
/* A local APIC signalled EOI of @vector. */
void pdm_eoi(struct pdm *pdm, u8 vector);

/* The last line that is not blank, terminated, without control characters. */
void pdm_console_last(struct pdm *pdm, char *buf, size_t size);
/* Bytes written to consoles so far. */
u64 pdm_console_bytes(struct pdm *pdm);

#endif
