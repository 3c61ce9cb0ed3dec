/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stand-in for PDM that holds one device: the clock moves when the test
 * says so, interrupt lines and messages are recorded, guest memory is a few
 * pages. The device's own lock is not modelled: a test is one thread.
 */
#ifndef TESTS_UNIT_PDM_DEV_FAKE_PDM_H
#define TESTS_UNIT_PDM_DEV_FAKE_PDM_H

#include "pdm/pdm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define FAKE_RANGES	8
#define FAKE_TIMERS	4
#define FAKE_LINES	24
#define FAKE_LOG	64
#define FAKE_MEMORY	8192

/* What a config entry would have said; the rest comes from the defaults. */
struct fake_value {
	const char *name;
	s64 value;
};
#define FAKE_VALUES(...) (const struct fake_value[]){ __VA_ARGS__, { NULL, 0 } }

struct fake_range {
	bool mmio;
	u64 base, size;
	const struct pdm_io_ops *ops;
};

struct pdm_timer {
	struct pdm_device *dev;
	enum tm_clock clock;
	void (*fire)(struct pdm_device *dev);
	bool armed;
	u64 deadline;
};

struct fake_message {
	u64 address;
	u32 data;
};

struct fake_request {
	enum pdm_request request;
	u64 arg;
};

struct cfgm_node {
	const struct fake_value *values;	/* NULL, or ended by a row without a name */
	const struct cfgm_key *keys;
};

struct pdm_device {
	const struct pdm_device_type *type;
	void *state;
	struct cfgm_node config;
	struct fake_range ranges[FAKE_RANGES];
	unsigned int range_count;
	struct pdm_timer timers[FAKE_TIMERS];
	unsigned int timer_count;
	u64 now, real_offset;			/* TM_VIRTUAL_SYNC; TM_REAL's less TM_VIRTUAL's */
	u64 lag;				/* TM_VIRTUAL is so far ahead */

	const struct pdm_irqchip_ops *irqchip;
	bool lines[FAKE_LINES];
	unsigned int raises[FAKE_LINES];	/* rising edges seen */
	unsigned int line_calls;
	bool taken[FAKE_LINES];
	bool extint;
	struct fake_message messages[FAKE_LOG];	/* the first ones */
	unsigned int message_count;
	u64 eoi_exits[4];
	struct fake_request requests[FAKE_LOG];
	unsigned int request_count;
	unsigned int fires;			/* timer callbacks run */

	bool chr_attached;
	char output[256];			/* the first bytes */
	unsigned int output_len;
	const u8 *input;			/* waits in the backend */
	unsigned int input_len;
	u8 memory[FAKE_MEMORY];
};

/* Created and reset, at time 0 on 2023-11-14 22:13:20 UTC; fails the test otherwise. */
struct pdm_device *fake_create(const struct pdm_device_type *type,
			       const struct fake_value *values);
/* Expect create to fail with @code. */
void fake_create_fails(const struct pdm_device_type *type, const struct fake_value *values,
		       int code);
void fake_destroy(struct pdm_device *dev);
/*
 * A new device with the fields of @dev and its time, which is destroyed: what
 * saving and restoring does. Lines start low and messages forgotten.
 */
struct pdm_device *fake_move(struct pdm_device *dev);

u64 fake_in(struct pdm_device *dev, u16 port, u32 size);
void fake_out(struct pdm_device *dev, u16 port, u32 size, u64 value);
u64 fake_read(struct pdm_device *dev, u64 gpa, u32 size);
void fake_write(struct pdm_device *dev, u64 gpa, u32 size, u64 value);
#define inb(dev, port)		((u8)fake_in(dev, port, 1))
#define outb(dev, port, value)	fake_out(dev, port, 1, value)

/* Time passes and timers fire in order, each at its deadline. */
void fake_advance(struct pdm_device *dev, u64 ns);
/*
 * Time jumps, and only then what is due fires: a timer thread that was late.
 * TM_VIRTUAL_SYNC waits for its timers and then makes up for it in no time.
 */
void fake_stall(struct pdm_device *dev, u64 ns);

/* The host's wall clock jumps, by so much forward or backward. */
void fake_wall_jump(struct pdm_device *dev, s64 ns);

/* Bytes arrive in the backend; what the device has no room for waits. */
void fake_input(struct pdm_device *dev, const void *data, unsigned int len);

/*
 * Random accesses of every size all over the device's ranges, with time,
 * lines, EOIs, acknowledgements, input and resets in between. Fails on a
 * storm of timers; the sanitizers see to the rest.
 */
void fake_fuzz(const struct pdm_device_type *type, u32 seed, unsigned int rounds);

#endif
