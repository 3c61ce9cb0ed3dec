// SPDX-License-Identifier: GPL-2.0
/*
 * How fast the VM's clocks go, and who makes its TSC: what the config asks for
 * and what the host's TSC and CPU can do. Set up once, under tm->lock, before
 * the VM runs.
 */
#include "base/log.h"
#include "tm/internal.h"
#include "vmm/hm.h"

u32 tm_tsc_khz(const struct tm_vm *tm)
{
	return tm->tsc_khz;
}

static u64 tm_features(const struct tm_vm *tm)
{
	return tm->hm ? hm_vm_info(tm->hm)->features :
			VMM_FEATURE_TSC_STABLE | VMM_FEATURE_TSC_SCALING;
}

/* The ratios that the module takes are within the same bounds as a warp's. */
static int tm_tsc_rate_set(struct tm_vm *tm, u32 khz, struct error *err)
{
	u32 host = tm->tsc_khz;
	u128 ratio;

	tm->tsc_ratio = tm->ratio;
	if (!khz)
		return 0;
	if (khz < TM_TSC_KHZ_MIN || khz > TM_TSC_KHZ_MAX)
		return error_set(err, ERANGE, "tm.tsc_khz: %u is not between %d and %d", khz,
				 TM_TSC_KHZ_MIN, TM_TSC_KHZ_MAX);
	tm->tsc_khz = khz;
	if (!host)
		return 0;
	ratio = (u128)tm->ratio * khz / host;
	if (ratio < TM_RATIO_ONE * TM_WARP_MIN / 100 || ratio > TM_RATIO_ONE * TM_WARP_MAX / 100)
		return error_set(err, ERANGE, "tm.tsc_khz: at this warp %u is beyond %d to %d "
				 "percent of the host's %u", khz, TM_WARP_MIN, TM_WARP_MAX, host);
	tm->tsc_ratio = (u64)ratio;
	return 0;
}

/* What the CPU cannot do is emulated. */
static void tm_tsc_kind_set(struct tm_vm *tm, bool emulated)
{
	u64 features = tm_features(tm);

	tm->tsc_emulated = true;
	if (emulated)
		return;
	if (!(features & VMM_FEATURE_TSC_STABLE))
		log_info("the TSC is emulated: the host does not trust its own");
	else if (tm->tsc_ratio != TM_RATIO_ONE && !(features & VMM_FEATURE_TSC_SCALING))
		log_info("the TSC is emulated: this CPU cannot give it another speed");
	else
		tm->tsc_emulated = false;
}

int tm_speed_set(struct tm_vm *tm, const struct tm_speed *speed, struct error *err)
{
	u32 warp = speed->warp ? speed->warp : 100;
	int ret;

	if (warp < TM_WARP_MIN || warp > TM_WARP_MAX)
		return error_set(err, ERANGE, "tm.warp: %u is not between %d and %d", warp,
				 TM_WARP_MIN, TM_WARP_MAX);
	pthread_mutex_lock(&tm->lock);
	tm->ratio = TM_RATIO_ONE * warp / 100;
	ret = tm_tsc_rate_set(tm, speed->tsc_khz, err);
	if (!ret)
		tm_tsc_kind_set(tm, speed->tsc_emulated);
	pthread_mutex_unlock(&tm->lock);
	return ret;
}
