// SPDX-License-Identifier: GPL-2.0
/*
 * PDM's byte streams: a chain from the device over filters down to a backend.
 *
 * The device writes with its lock held; the backend's threads give input
 * through pdm_chr_input(), which takes that lock. Chains are built while the
 * device is created and taken apart after the vCPUs stopped. Every chain has
 * the console filter on top.
 */
#include <stdlib.h>

#include "pdm/internal.h"

static const struct pdm_drv_type *const pdm_drv_types[] = {
	&pdm_drv_stdio, &pdm_drv_file, &pdm_drv_null,
};

static const char *const pdm_drv_names[] = { "stdio", "file", "null", NULL };

static const struct pdm_drv_type *pdm_drv_find(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pdm_drv_types); i++)
		if (!strcmp(pdm_drv_types[i]->name, name))
			return pdm_drv_types[i];
	return NULL;
}

const struct cfgm_key *pdm_chr_variant(const char *type, const char **why)
{
	static const struct cfgm_key none[] = { { .name = NULL } };
	const struct pdm_drv_type *drv = pdm_drv_find(type);

	if (why)
		*why = "";
	if (!drv)
		return NULL;
	return drv->keys ? drv->keys : none;
}

const char *const *pdm_chr_variants(void)
{
	return pdm_drv_names;
}

const struct cfgm_key pdm_chr_keys[] = { PDM_CHR_KEY, { .name = NULL } };

/* ---- building the chain ---------------------------------------------------------- */

static void pdm_drv_destroy(struct pdm_drv *drv)
{
	if (drv->type->destroy)
		drv->type->destroy(drv);
	free(drv->state);
	free(drv);
}

/* Put a driver on top of the device's chain. */
static int pdm_drv_push(struct pdm_device *dev, const struct pdm_drv_type *type,
			const struct cfgm_node *node, struct error *err)
{
	struct pdm_drv *drv = calloc(1, sizeof(*drv));
	int ret;

	if (drv)
		drv->state = calloc(1, max(type->state_size, 1U));
	if (!drv || !drv->state) {
		free(drv);
		return error_errno(err, ENOMEM, "%s: backend %s", dev->name, type->name);
	}
	drv->type = type;
	drv->dev = dev;
	drv->below = dev->chr;
	ret = type->create ? type->create(drv, node, err) : 0;
	if (ret) {
		error_prefix(err, "%s: ", dev->name);
		free(drv->state);
		free(drv);
		return ret;
	}
	dev->chr = drv;
	return 0;
}

int pdm_chr_attach(struct pdm_device *dev, struct error *err)
{
	const struct cfgm_node *node = dev->node ? cfgm_group(dev->node, "backend") : NULL;
	const struct pdm_drv_type *type = &pdm_drv_null;
	int ret;

	if (node)
		type = pdm_drv_find(cfgm_string(node, "type"));
	if (!type)
		return error_set(err, ENODEV, "%s: backend %s does not exist", dev->name,
				 cfgm_string(node, "type"));
	ret = pdm_drv_push(dev, type, node, err);
	return ret ? ret : pdm_drv_push(dev, &pdm_drv_console, NULL, err);
}

int pdm_chr_start(struct pdm_device *dev, struct error *err)
{
	int ret = 0;

	for (struct pdm_drv *drv = dev->chr; drv && !ret; drv = drv->below)
		if (drv->type->start)
			ret = drv->type->start(drv, err);
	return ret;
}

void pdm_chr_detach(struct pdm_device *dev)
{
	struct pdm_drv *drv;

	while ((drv = dev->chr)) {
		dev->chr = drv->below;
		pdm_drv_destroy(drv);
	}
}

/* ---- bytes ------------------------------------------------------------------------- */

void pdm_chr_write(struct pdm_device *dev, const u8 *data, u32 len)
{
	if (dev->chr && len)
		dev->chr->type->write(dev->chr, data, len);
}

void pdm_chr_room_changed(struct pdm_device *dev)
{
	for (struct pdm_drv *drv = dev->chr; drv; drv = drv->below)
		if (drv->type->room)
			drv->type->room(drv);
}

u32 pdm_chr_input(struct pdm_device *dev, const u8 *data, u32 len)
{
	const struct pdm_device_type *type = dev->type;

	if (!type->chr_input)
		return len;
	pthread_mutex_lock(&dev->lock);
	if (type->chr_room)
		len = min(len, type->chr_room(dev));
	if (len)
		type->chr_input(dev, data, len);
	pthread_mutex_unlock(&dev->lock);
	return len;
}
