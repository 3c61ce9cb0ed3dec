/* SPDX-License-Identifier: GPL-2.0 */
/* What PDM's own files and the backends in pdm/drv share. */
#ifndef PDM_INTERNAL_H
#define PDM_INTERNAL_H

#include <pthread.h>

#include "pdm/pdm_vm.h"

#define PDM_MAX_DEVICES	64		/* a bit each in struct pdm_line */
#define PDM_MAX_RANGES	255		/* of ports; index 0 is nobody's */
#define PDM_LINES	24
#define PDM_PIC_LINES	16

struct pdm_drv;

/* A range of ports or memory, and whose it is. */
struct pdm_range {
	struct pdm_device *dev;
	const struct pdm_io_ops *ops;
	u64 base;
};

struct pdm_device {
	struct pdm *pdm;
	const struct pdm_device_type *type;
	const struct cfgm_node *node;
	u32 index;			/* in pdm->device */
	char name[32];
	void *state;
	struct pdm_timer *timers;	/* all of them, for destruction */
	struct pdm_drv *chr;		/* top of the chain, NULL: none */
	pthread_mutex_t lock;		/* the device: held around every callback */
};

struct pdm_irqchip {
	struct pdm_device *dev;
	const struct pdm_irqchip_ops *ops;
};

struct pdm {
	struct pdm_config config;
	u32 device_count;
	struct pdm_device *device[PDM_MAX_DEVICES];

	/* Fixed once the vCPUs run, so read without a lock. */
	u32 range_count;
	struct pdm_range range[PDM_MAX_RANGES + 1];
	u8 port[0x10000];		/* index into range */
	struct pdm_irqchip pic, ioapic;

	pthread_mutex_t irq_lock;	/* after a device's, before a controller's */
	u64 line[PDM_LINES];		/* by line: which devices hold it up */
	u64 taken[PDM_LINES];		/* whose alone it is, 0: everybody's */
	bool extint;			/* as the module was told last */

	pthread_mutex_t console_lock;	/* a leaf */
	char console_last[256];
	u64 console_bytes;		/* atomic */
};

/* ---- backends (pdm/drv) ------------------------------------------------------ */

/* One way for a byte stream to leave and enter the VM. */
struct pdm_drv_type {
	const char *name;
	const char *help;
	const struct cfgm_key *keys;
	u32 state_size;
	/* @node is the backend group. Opens what it needs. */
	int (*create)(struct pdm_drv *drv, const struct cfgm_node *node, struct error *err);
	void (*destroy)(struct pdm_drv *drv);
	/* Begin to read. */
	int (*start)(struct pdm_drv *drv, struct error *err);
	/* The device's lock is held. */
	void (*write)(struct pdm_drv *drv, const u8 *data, u32 len);
	/* The device may take input again. Its lock is held. */
	void (*room)(struct pdm_drv *drv);
};

struct pdm_drv {
	const struct pdm_drv_type *type;
	struct pdm_device *dev;
	struct pdm_drv *below;		/* of a filter */
	void *state;
};

extern const struct pdm_drv_type pdm_drv_stdio, pdm_drv_file, pdm_drv_null;
extern const struct pdm_drv_type pdm_drv_console;	/* the filter on every chain */

/* Give input to the device; returns how many bytes it took. No lock held. */
u32 pdm_chr_input(struct pdm_device *dev, const u8 *data, u32 len);
void pdm_chr_detach(struct pdm_device *dev);
int pdm_chr_start(struct pdm_device *dev, struct error *err);

/* No callback runs any more when it returns. No lock held. */
void pdm_timers_stop(struct pdm_device *dev);
void pdm_timers_destroy(struct pdm_device *dev);

#endif
