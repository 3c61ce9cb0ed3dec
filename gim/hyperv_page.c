// SPDX-License-Identifier: GPL-2.0
/*
 * "GPA Overlay Pages": pages of the interface that cover the guest's memory
 * where an MSR says so, and uncover it again when they are moved or disabled.
 *
 * The page is written into the guest's RAM, and what it covers is kept in a
 * copy until then. So it can lie in RAM only, and a device sees it, too. Where
 * several lie on one another, the one that was put there last is seen; those
 * that are taken away from under it leave it what they covered.
 *
 * hv->lock guards them all. The module writes to some of them by address.
 */
#include <stdlib.h>

#include "gim/hyperv.h"

/* The link that leads to @page; where the list ends if it is in none. */
static struct hyperv_page **page_link(struct hyperv *hv, const struct hyperv_page *page)
{
	struct hyperv_page **link = &hv->pages;

	while (*link && *link != page)
		link = &(*link)->next;
	return link;
}

/* What was put there after it, or NULL. */
static struct hyperv_page *page_above(const struct hyperv_page *page)
{
	struct hyperv_page *above = page->next;

	while (above && above->now != page->now)
		above = above->next;
	return above;
}

static void page_uncover(struct hyperv *hv, struct hyperv_page *page)
{
	struct hyperv_page *above = page_above(page);

	if (above)
		memcpy(above->below, page->below, HV_PAGE_SIZE);
	else
		memcpy(page->now, page->below, HV_PAGE_SIZE);
	hyperv_page_forget(hv, page);
}

/* @below is for its copy. */
static void page_cover(struct hyperv *hv, struct hyperv_page *page, u8 *now, u8 *below,
		       const u8 *content)
{
	memcpy(below, now, HV_PAGE_SIZE);
	memcpy(now, content, HV_PAGE_SIZE);
	page->now = now;
	page->below = below;
	page->next = NULL;
	*page_link(hv, page) = page;
}

int hyperv_page_set(struct hyperv *hv, struct hyperv_page *page, u64 value)
{
	struct pgm *pgm = hv->gim->config.pgm;
	u8 content[HV_PAGE_SIZE] = { 0 };
	u8 *now = NULL, *below = NULL;

	if (value & HV_PAGE_ENABLE) {
		now = pgm_host(pgm, value & ~(HV_PAGE_SIZE - 1), HV_PAGE_SIZE, false);
		if (!now)
			return -EINVAL;
	}
	if (now != page->now) {
		if (now && !(below = malloc(HV_PAGE_SIZE)))
			return -EINVAL;
		if (page->now) {
			memcpy(content, page->now, HV_PAGE_SIZE);
			page_uncover(hv, page);
		}
		if (now)
			page_cover(hv, page, now, below, content);
	}
	page->value = value;
	return 0;
}

void hyperv_page_forget(struct hyperv *hv, struct hyperv_page *page)
{
	struct hyperv_page **link = page_link(hv, page);

	if (*link)
		*link = page->next;
	free(page->below);
	*page = (struct hyperv_page){ 0 };
}
