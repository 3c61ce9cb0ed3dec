/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PDM, the pluggable device manager: what a device is, and all it may ask for.
 *
 * A device model is one file with one `const struct pdm_device_type`, and one
 * row in pdm/registry.c. It includes this header alone. Guest memory, timers,
 * interrupts, saved state, its configuration and its backend reach it through
 * the helpers below; it knows no global and no other device.
 *
 * Locking: each device has a lock, which PDM holds around every callback
 * (I/O, timers, backend input, reset). Helpers are called with that lock held
 * unless they say otherwise; none takes another device's lock, save
 * pdm_irq_set(), which takes the interrupt controllers' (they never call back
 * with their own held). Order: device -> PIC/IOAPIC -> leaf locks.
 */
#ifndef PDM_PDM_H
#define PDM_PDM_H

#include "base/base.h"
#include "base/error.h"
#include "base/log.h"
#include "cfgm/cfgm.h"
#include "ssm/ssm.h"
#include "tm/tm.h"		/* the clocks; devices use no more of it */

/* Raised when a helper changes or a callback is added. */
#define PDM_VERSION 1

struct pdm;			/* a VM's devices */
struct pdm_device;		/* one instance */
struct pdm_timer;

/* ---- what a device says of itself --------------------------------------- */

struct pdm_device_type {
	u32 version;			/* PDM_VERSION it was written for */
	const char *name;		/* as in the config */
	const char *help;		/* one line */
	const struct cfgm_key *keys;	/* of its config entry; NULL: none */
	bool chipset;			/* always there, never listed in a config */
	u32 state_size;			/* bytes of zeroed state, pdm_state() */
	u32 state_version;
	const struct ssm_field *fields;	/* what is saved of it; never NULL */

	/* Claim ports, ranges, timers; open files. Undone by PDM on failure. */
	int (*create)(struct pdm_device *dev, struct error *err);
	/* Optional, like those that follow. */
	void (*destroy)(struct pdm_device *dev);
	/* Power-on state. Called once after create, and at each reset of the VM. */
	void (*reset)(struct pdm_device *dev);
	/* After its fields were loaded: derive the rest, raise its lines. */
	int (*loaded)(struct pdm_device *dev);
	/* A byte stream from the backend; at most pdm_chr_room's worth. */
	void (*chr_input)(struct pdm_device *dev, const u8 *data, u32 len);
	/* How many bytes chr_input can take now. */
	u32 (*chr_room)(struct pdm_device *dev);
};

void *pdm_state(struct pdm_device *dev);
const struct cfgm_node *pdm_config(struct pdm_device *dev);	/* NULL: chipset */
const char *pdm_name(struct pdm_device *dev);			/* "serial0" */

/* ---- ports and ranges ----------------------------------------------------- */

/*
 * Accesses of 1, 2 or 4 bytes to ports, 1, 2, 4 or 8 to memory; @offset is
 * from the start of the range and the access lies within it: what crosses its
 * end is split by PDM. Bytes nobody claims read as ones, writes to them are
 * dropped.
 */
struct pdm_io_ops {
	u64 (*read)(struct pdm_device *dev, u64 offset, u32 size);
	void (*write)(struct pdm_device *dev, u64 offset, u32 size, u64 value);
	/*
	 * Accepted access sizes, as a mask of 1 | 2 | 4 | 8; 0: all. One that is
	 * larger than any accepted is split, one that is smaller reads ones
	 * and is dropped.
	 */
	u8 sizes;
};

/* During create only. -EBUSY: taken, the text names by whom. */
int pdm_port_register(struct pdm_device *dev, u16 port, u16 count,
		      const struct pdm_io_ops *ops, struct error *err);
int pdm_mmio_register(struct pdm_device *dev, u64 gpa, u64 size,
		      const struct pdm_io_ops *ops, struct error *err);

/* ---- interrupts ------------------------------------------------------------ */

/*
 * Set a line of the interrupt controllers: 0 to 15 are the ISA lines, wired
 * to PIC and IOAPIC (line 0 to IOAPIC pin 2), 16 to 23 the IOAPIC's alone.
 * A device that wants an edge lowers the line again. With or without the
 * device's lock; any thread.
 */
void pdm_irq_set(struct pdm_device *dev, u32 line, bool level);

/*
 * For the chipset: from now on the line is this device's alone, as by a switch
 * in front of the controllers; until it is given back, what others do to it is
 * remembered but not seen.
 */
void pdm_irq_take(struct pdm_device *dev, u32 line, bool take);

/* For the chipset: a message to the local APICs; the PIC's output. */
void pdm_msi_send(struct pdm_device *dev, u64 address, u32 data);
void pdm_extint_set(struct pdm_device *dev, bool level);
/* For the IOAPIC: which vectors' EOIs it wants to hear of. */
void pdm_eoi_exits_set(struct pdm_device *dev, const u64 vectors[4]);

/*
 * For the chipset's controllers, set once during create. @line is called with
 * the controller's lock held, from any thread.
 */
struct pdm_irqchip_ops {
	void (*line)(struct pdm_device *dev, u32 line, bool level);
	/* PIC: the vector of INTA. Called by the vCPU that takes the interrupt. */
	u8 (*acknowledge)(struct pdm_device *dev);
	/* IOAPIC: a local APIC signalled EOI of @vector. */
	void (*eoi)(struct pdm_device *dev, u8 vector);
};
void pdm_irqchip_register(struct pdm_device *dev, const struct pdm_irqchip_ops *ops);

/* ---- time -------------------------------------------------------------------- */

/* Nanoseconds. Which clock is for what stands in tm/tm.h. */
u64 pdm_now(struct pdm_device *dev, enum tm_clock clock);

/* During create. @fire runs on TM's thread, with the device's lock. */
struct pdm_timer *pdm_timer_create(struct pdm_device *dev, enum tm_clock clock,
				   const char *name, void (*fire)(struct pdm_device *dev));
/* Fire once at @deadline, by the timer's clock; re-arming moves it. By TM_REAL it may be early. */
void pdm_timer_arm(struct pdm_timer *timer, u64 deadline);
/* The callback does not run after this returns. */
void pdm_timer_cancel(struct pdm_timer *timer);

/* ---- guest memory ------------------------------------------------------------ */

/* RAM only. -EFAULT: some of it is not RAM; nothing was copied then. Any lock. */
int pdm_mem_read(struct pdm_device *dev, u64 gpa, void *buf, u32 len);
int pdm_mem_write(struct pdm_device *dev, u64 gpa, const void *buf, u32 len);

/* ---- backends ------------------------------------------------------------------ */

/* Attach the backend of this config entry ("backend" group). During create. */
int pdm_chr_attach(struct pdm_device *dev, struct error *err);
/* Takes all of it or drops the rest; never blocks the guest for long. */
void pdm_chr_write(struct pdm_device *dev, const u8 *data, u32 len);
/* chr_room() may have grown: deliver what waits. */
void pdm_chr_room_changed(struct pdm_device *dev);
/* The cfgm key of the backend group, to be listed among a device's keys. */
extern const struct cfgm_key pdm_chr_keys[];
/* For use in a device's table: { PDM_CHR_KEY, ... } */
const struct cfgm_key *pdm_chr_variant(const char *type, const char **why);
const char *const *pdm_chr_variants(void);
#define PDM_CHR_KEY { .name = "backend", .type = CFGM_VARIANT, .variant = pdm_chr_variant, \
	.variants = pdm_chr_variants, .help = "where its bytes go and come from" }

/* ---- the VM itself --------------------------------------------------------------- */

enum pdm_request {
	PDM_POWEROFF,		/* by ACPI or the like */
	PDM_RESET,
	PDM_EXIT,		/* @arg: the guest's own status */
	PDM_PANIC,		/* the guest's kernel says it panicked */
};
/* The first request of its kind counts. Any thread, any lock. */
void pdm_vm_request(struct pdm_device *dev, enum pdm_request request, u64 arg);

#endif
