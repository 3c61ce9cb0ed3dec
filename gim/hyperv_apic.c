// SPDX-License-Identifier: GPL-2.0
/*
 * "Virtual Interrupt Controller": the page of VP assists. Guests write its MSR
 * whether or not it is announced, so it is always there; what the module puts
 * into it, the leave to go without an EOI, comes with the feature alone.
 * hv->lock guards the page.
 */
#include "gim/hyperv.h"

int hyperv_assist_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = READ_ONCE(vp->assist.value);
	return 0;
}

int hyperv_assist_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv *hv = vp->hv;
	int ret;

	pthread_mutex_lock(&hv->lock);
	ret = hyperv_page_set(hv, &vp->assist, value);
	pthread_mutex_unlock(&hv->lock);
	return ret;
}
