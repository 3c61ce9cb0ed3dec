// SPDX-License-Identifier: GPL-2.0
/*
 * TM_VIRTUAL_SYNC, see sync.h: how fast the clock runs for which lag.
 *
 * While it catches up, the time is made of legs of constant speed: each ends
 * when the lag has shrunk to where the next lower row of the table begins.
 * Between two changes of the limit everything is computed from where the
 * first one left the clock; looking at it changes nothing.
 */
#include "tm/sync.h"

#define US	1000ULL
#define MS	1000000ULL
#define SEC	1000000000ULL

#define STOP_NS		(500 * US)
#define GIVE_UP_NS	(60 * SEC)

/* Beyond so much lag, so many percent faster than TM_VIRTUAL. */
static const struct tm_sync_tier {
	u64 lag;
	u32 percent;
} tiers[] = {
	{ .lag = 750 * US, .percent = 5 },
	{ .lag = 1500 * US, .percent = 10 },
	{ .lag = 8 * MS, .percent = 25 },
	{ .lag = 30 * MS, .percent = 50 },
	{ .lag = 75 * MS, .percent = 75 },
	{ .lag = 175 * MS, .percent = 100 },
	{ .lag = 500 * MS, .percent = 200 },
	{ .lag = 3 * SEC, .percent = 300 },
	{ .lag = 30 * SEC, .percent = 400 },
	{ .lag = 55 * SEC, .percent = 500 },
};

/* At one speed: so much TM_VIRTUAL time, and so much more of this clock. */
struct tm_sync_leg {
	u64 span;
	u64 gain;
	u32 percent;
};

static u64 sync_lag(const struct tm_sync *s)
{
	return s->virt - s->dropped - s->now;
}

static u64 div_up(u128 a, u64 b)
{
	u128 q = (a + b - 1) / b;

	return q > UINT64_MAX ? UINT64_MAX : (u64)q;
}

static struct tm_sync_leg sync_leg(const struct tm_sync *s)
{
	u64 lag = sync_lag(s), gain;
	unsigned int i = ARRAY_SIZE(tiers) - 1;

	if (!s->catching_up || lag <= STOP_NS)
		return (struct tm_sync_leg){ .span = UINT64_MAX };
	while (i && lag <= tiers[i].lag)
		i--;
	gain = lag - (i ? tiers[i].lag : STOP_NS);
	return (struct tm_sync_leg){
		.span = div_up((u128)gain * 100, tiers[i].percent),
		.gain = gain,
		.percent = tiers[i].percent,
	};
}

/* What is gained after @span of the leg. */
static u64 leg_gain(const struct tm_sync_leg *leg, u64 span)
{
	return span == leg->span ? leg->gain : (u64)((u128)span * leg->percent / 100);
}

/* Where the clock is at @virt, were there no limit. */
static struct tm_sync sync_walk(const struct tm_sync *s, u64 virt)
{
	struct tm_sync at = *s;

	while (at.virt < virt) {
		struct tm_sync_leg leg = sync_leg(&at);
		u64 span = min(virt - at.virt, leg.span);

		at.virt += span;
		at.now += span + leg_gain(&leg, span);
	}
	return at;
}

u64 tm_sync_now(const struct tm_sync *s, u64 virt)
{
	return min(sync_walk(s, virt).now, s->limit);
}

u64 tm_sync_virt_of(const struct tm_sync *s, u64 ns)
{
	struct tm_sync at = *s;

	while (at.now < ns) {
		struct tm_sync_leg leg = sync_leg(&at);
		u64 ahead = ns - at.now;

		if (!leg.percent)
			return ahead > UINT64_MAX - at.virt ? UINT64_MAX : at.virt + ahead;
		if (ahead < leg.span + leg.gain)
			return at.virt + div_up((u128)ahead * 100, 100 + leg.percent);
		at.virt += leg.span;
		at.now += leg.span + leg.gain;
	}
	return at.virt;
}

static void sync_decide(struct tm_sync *s)
{
	u64 lag = sync_lag(s);

	if (lag > GIVE_UP_NS) {
		s->dropped += lag;
		s->catching_up = false;
	} else if (lag >= tiers[0].lag) {
		s->catching_up = true;
	} else if (lag <= STOP_NS) {
		s->catching_up = false;
	}
}

void tm_sync_limit(struct tm_sync *s, u64 virt, u64 limit)
{
	s->now = tm_sync_now(s, virt);
	s->virt = virt;
	s->limit = max(limit, s->now);
	if (s->limit > s->now)
		sync_decide(s);
}
