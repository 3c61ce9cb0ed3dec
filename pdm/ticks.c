// SPDX-License-Identifier: GPL-2.0
/*
 * Ticks that none may lose. Sent while the one before still waits, a tick would
 * be merged with it by the controller; so it is kept until that one has been
 * taken. A guest that does not take them at all is not asked for ever, nor
 * given a flood of them when it does.
 */
#include "pdm/pdm.h"

bool pdm_ticks_due(struct pdm_device *dev, u32 line, struct pdm_ticks *ticks, u64 came, u32 max)
{
	bool waits = pdm_irq_waits(dev, line);
	u64 owed = came > max ? UINT64_MAX : ticks->owed + came;

	if (owed > max || (waits && ticks->lost)) {
		ticks->lost = waits;
		owed = waits ? 0 : 1;
	}
	if (waits || !owed) {
		ticks->owed = (u32)owed;
		return false;
	}
	ticks->lost = false;
	ticks->owed = (u32)owed - 1;
	return true;
}
