// SPDX-License-Identifier: GPL-2.0
/*
 * PDM's instances: which devices a VM has, made, reset and destroyed in order,
 * and the small helpers that need no file of their own.
 *
 * The list of devices is built before the vCPUs run and torn down after they
 * stopped, so reading it needs no lock. Ports and memory are io.c's, lines
 * irq.c's, timers timer.c's, byte streams chr.c's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pdm/internal.h"
#include "pdm/registry.h"
#include "pgm/pgm.h"

void *pdm_state(struct pdm_device *dev)
{
	return dev->state;
}

const struct cfgm_node *pdm_config(struct pdm_device *dev)
{
	return dev->node;
}

const char *pdm_name(struct pdm_device *dev)
{
	return dev->name;
}

u64 pdm_now(struct pdm_device *dev, enum tm_clock clock)
{
	return tm_now(dev->pdm->config.tm, clock);
}

int pdm_mem_read(struct pdm_device *dev, u64 gpa, void *buf, u32 len)
{
	return pgm_read(dev->pdm->config.pgm, gpa, buf, len);
}

int pdm_mem_write(struct pdm_device *dev, u64 gpa, const void *buf, u32 len)
{
	return pgm_write(dev->pdm->config.pgm, gpa, buf, len);
}

void pdm_vm_request(struct pdm_device *dev, enum pdm_request request, u64 arg)
{
	struct pdm_config *config = &dev->pdm->config;

	config->ops->request(config->ctx, request, arg);
}

/* ---- instances -------------------------------------------------------------- */

static void pdm_device_free(struct pdm_device *dev)
{
	pdm_timers_destroy(dev);
	pdm_chr_detach(dev);
	pthread_mutex_destroy(&dev->lock);
	free(dev->state);
	free(dev);
}

/* "serial0", "serial1": the type's name and how many there were before. */
static void pdm_device_name(struct pdm_device *dev)
{
	struct pdm *pdm = dev->pdm;
	u32 before = 0;

	for (u32 i = 0; i < pdm->device_count; i++)
		before += pdm->device[i]->type == dev->type;
	if (dev->type->chipset)
		snprintf(dev->name, sizeof(dev->name), "%s", dev->type->name);
	else
		snprintf(dev->name, sizeof(dev->name), "%s%u", dev->type->name, before);
}

/* Give back the ranges of a device whose creation failed. */
static void pdm_ranges_drop(struct pdm *pdm, u32 count)
{
	for (u32 port = 0; port < ARRAY_SIZE(pdm->port); port++)
		if (pdm->port[port] > count)
			pdm->port[port] = 0;
	pdm->range_count = count;
}

int pdm_device_add(struct pdm *pdm, const struct pdm_device_type *type,
		   const struct cfgm_node *node, struct error *err)
{
	u32 ranges = pdm->range_count;
	struct pdm_device *dev;
	int ret;

	if (type->version != PDM_VERSION)
		return error_set(err, EPROTO, "%s: made for version %u of the device interface, "
				 "this is %u", type->name, type->version, PDM_VERSION);
	if (pdm->device_count == PDM_MAX_DEVICES)
		return error_set(err, ENOSPC, "%s: a VM has at most %u devices", type->name,
				 PDM_MAX_DEVICES);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return error_errno(err, ENOMEM, "%s", type->name);
	dev->pdm = pdm;
	dev->type = type;
	dev->node = node;
	dev->index = pdm->device_count;
	pdm_device_name(dev);
	pthread_mutex_init(&dev->lock, NULL);
	dev->state = calloc(1, max(type->state_size, 1U));
	if (!dev->state) {
		ret = error_errno(err, ENOMEM, "%s", dev->name);
		goto err_free;
	}
	ret = type->create(dev, err);
	if (ret)
		goto err_ranges;
	pdm->device[pdm->device_count++] = dev;
	return 0;

err_ranges:
	pdm_ranges_drop(pdm, ranges);
err_free:
	pdm_device_free(dev);
	return ret;
}

static void pdm_device_reset(struct pdm_device *dev)
{
	if (!dev->type->reset)
		return;
	pthread_mutex_lock(&dev->lock);
	dev->type->reset(dev);
	pthread_mutex_unlock(&dev->lock);
}

int pdm_chipset_create(struct pdm *pdm, const struct cfgm_node *config, struct error *err)
{
	const struct pdm_device_type *type;
	const char *name;
	int ret;

	for (unsigned int i = 0; pdm_chipset_type(i, config, &name, &type); i++) {
		if (!name)
			continue;
		if (!type)
			return error_set(err, ENODEV,
					 "%s: this part of the chipset is not built in",
					 name);
		ret = pdm_device_add(pdm, type, NULL, err);
		if (ret)
			return ret;
	}
	return 0;
}

int pdm_device_create(struct pdm *pdm, const struct cfgm_node *node, struct error *err)
{
	const char *name = cfgm_string(node, "type");
	const char *why = "";
	const struct pdm_device_type *type = pdm_device_type(name, &why);

	if (!type)
		return error_set(err, ENODEV, "%s: %s", name, *why ? why : "no such device");
	return pdm_device_add(pdm, type, node, err);
}

int pdm_start(struct pdm *pdm, struct error *err)
{
	int ret = 0;

	for (u32 i = 0; i < pdm->device_count; i++)
		pdm_device_reset(pdm->device[i]);
	for (u32 i = 0; i < pdm->device_count && !ret; i++)
		ret = pdm_chr_start(pdm->device[i], err);
	return ret;
}

void pdm_reset(struct pdm *pdm)
{
	for (u32 i = 0; i < pdm->device_count; i++)
		pdm_device_reset(pdm->device[i]);
}

int pdm_create(struct pdm **out, const struct pdm_config *config, struct error *err)
{
	struct pdm *pdm = calloc(1, sizeof(*pdm));

	if (!pdm)
		return error_errno(err, ENOMEM, "devices");
	pdm->config = *config;
	pthread_mutex_init(&pdm->irq_lock, NULL);
	pthread_mutex_init(&pdm->console_lock, NULL);
	*out = pdm;
	return 0;
}

void pdm_destroy(struct pdm *pdm)
{
	if (!pdm)
		return;
	/* Nothing may call into a device while another is being taken apart. */
	for (u32 i = 0; i < pdm->device_count; i++) {
		pdm_timers_stop(pdm->device[i]);
		pdm_chr_detach(pdm->device[i]);
	}
	while (pdm->device_count) {
		struct pdm_device *dev = pdm->device[--pdm->device_count];

		if (dev->type->destroy)
			dev->type->destroy(dev);
		pdm_device_free(dev);
	}
	pthread_mutex_destroy(&pdm->irq_lock);
	pthread_mutex_destroy(&pdm->console_lock);
	free(pdm);
}
