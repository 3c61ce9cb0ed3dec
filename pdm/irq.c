// SPDX-License-Identifier: GPL-2.0
/*
 * PDM's interrupt wiring: devices' lines to PIC and IOAPIC, and from these on
 * to the module.
 *
 * A line is up while any device holds it up, or the one that has taken it for
 * itself. The change and its delivery to the controllers happen under irq_lock,
 * so that the controllers see changes in the order in which they happened.
 * Order: device, irq_lock, controller.
 */
#include "pdm/internal.h"
#include "vmm/hm.h"

static void pdm_irqchip_line(struct pdm_irqchip *chip, u32 line, bool level)
{
	if (!chip->dev)
		return;
	pthread_mutex_lock(&chip->dev->lock);
	chip->ops->line(chip->dev, line, level);
	pthread_mutex_unlock(&chip->dev->lock);
}

static bool pdm_line_level(const struct pdm *pdm, u32 line)
{
	return pdm->line[line] & (pdm->taken[line] ? pdm->taken[line] : UINT64_MAX);
}

/* With irq_lock held, which was taken when the line was at @old. */
static void pdm_line_changed(struct pdm *pdm, u32 line, bool old)
{
	bool level = pdm_line_level(pdm, line);

	if (level == old)
		return;
	if (line < PDM_PIC_LINES)
		pdm_irqchip_line(&pdm->pic, line, level);
	pdm_irqchip_line(&pdm->ioapic, line, level);
}

void pdm_irq_set(struct pdm_device *dev, u32 line, bool level)
{
	struct pdm *pdm = dev->pdm;
	u64 bit = BIT_ULL(dev->index);
	bool old;

	assert(line < PDM_LINES);
	pthread_mutex_lock(&pdm->irq_lock);
	old = pdm_line_level(pdm, line);
	pdm->line[line] = level ? pdm->line[line] | bit : pdm->line[line] & ~bit;
	pdm_line_changed(pdm, line, old);
	pthread_mutex_unlock(&pdm->irq_lock);
}

void pdm_irq_take(struct pdm_device *dev, u32 line, bool take)
{
	struct pdm *pdm = dev->pdm;
	u64 bit = BIT_ULL(dev->index);
	bool old;

	assert(line < PDM_LINES);
	pthread_mutex_lock(&pdm->irq_lock);
	assert(!pdm->taken[line] || pdm->taken[line] == bit);
	old = pdm_line_level(pdm, line);
	pdm->taken[line] = take ? bit : 0;
	pdm_line_changed(pdm, line, old);
	pthread_mutex_unlock(&pdm->irq_lock);
}

void pdm_irqchip_register(struct pdm_device *dev, const struct pdm_irqchip_ops *ops)
{
	/* The PIC is the one that answers INTA. */
	struct pdm_irqchip *chip = ops->acknowledge ? &dev->pdm->pic : &dev->pdm->ioapic;

	*chip = (struct pdm_irqchip) { .dev = dev, .ops = ops };
}

void pdm_msi_send(struct pdm_device *dev, u64 address, u32 data)
{
	struct hm_vm *hm = dev->pdm->config.hm;
	int ret = hm ? hm_vm_msi_send(hm, address, data) : 0;

	if (ret < 0)
		log_guest("%s: interrupt message 0x%llx, 0x%x: %s", dev->name,
			  (unsigned long long)address, data, strerror(-ret));
}

/* With the PIC's lock held, which guards pdm->extint. */
void pdm_extint_set(struct pdm_device *dev, bool level)
{
	struct pdm *pdm = dev->pdm;
	struct hm_vcpu *bsp = pdm->config.hm ? hm_vcpu(pdm->config.hm, 0) : NULL;

	if (pdm->extint == level)
		return;
	pdm->extint = level;
	if (bsp)
		hm_vcpu_extint_set(bsp, level);
}

void pdm_eoi_exits_set(struct pdm_device *dev, const u64 vectors[4])
{
	struct hm_vm *hm = dev->pdm->config.hm;

	for (u32 i = 0; hm && i < hm_vcpu_count(hm); i++)
		hm_vcpu_eoi_exits_set(hm_vcpu(hm, i), vectors);
}

bool pdm_extint_acknowledge(struct pdm *pdm, u8 *vector)
{
	struct pdm_irqchip *pic = &pdm->pic;

	if (!pic->dev)
		return false;
	pthread_mutex_lock(&pic->dev->lock);
	*vector = pic->ops->acknowledge(pic->dev);
	pthread_mutex_unlock(&pic->dev->lock);
	return true;
}

void pdm_eoi(struct pdm *pdm, u8 vector)
{
	struct pdm_irqchip *ioapic = &pdm->ioapic;

	if (!ioapic->dev || !ioapic->ops->eoi)
		return;
	pthread_mutex_lock(&ioapic->dev->lock);
	ioapic->ops->eoi(ioapic->dev, vector);
	pthread_mutex_unlock(&ioapic->dev->lock);
}
