// SPDX-License-Identifier: GPL-2.0
/*
 * The host's CLOCK_MONOTONIC in nanoseconds, for tests that hold a guest's
 * clocks against it. Reading the first of its two 32-bit ports takes the time
 * and gives the low half, the second gives the high half of the same time.
 * Writes are dropped.
 */
#include <time.h>

#include "pdm/pdm.h"

#define TEST_CLOCK_PORTS 8

struct test_clock {
	u64 taken;
};

static const struct ssm_field test_clock_fields[] = {
	SSM_FIELD(struct test_clock, taken),
	SSM_END
};

static u64 test_clock_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct test_clock *s = pdm_state(dev);
	struct timespec ts;

	if (offset == 0) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		s->taken = (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
	}
	return s->taken >> 8 * offset;
}

static void test_clock_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
}

static const struct pdm_io_ops test_clock_ops = {
	.read = test_clock_read, .write = test_clock_write,
};

static int test_clock_create(struct pdm_device *dev, struct error *err)
{
	u16 port = (u16)cfgm_int(pdm_config(dev), "port");

	return pdm_port_register(dev, port, TEST_CLOCK_PORTS, &test_clock_ops, err);
}

static void test_clock_reset(struct pdm_device *dev)
{
	memset(pdm_state(dev), 0, sizeof(struct test_clock));
}

static const struct cfgm_key test_clock_keys[] = {
	{ .name = "port", .type = CFGM_INT, .min = 0, .max = 0x10000 - TEST_CLOCK_PORTS,
	  .def = "0xce10", .help = "the first of its eight ports" },
	{ .name = NULL }
};

const struct pdm_device_type test_clock_device = {
	.version = PDM_VERSION,
	.name = "test-clock",
	.help = "the host's clock, to test the guest's",
	.keys = test_clock_keys,
	.state_size = sizeof(struct test_clock),
	.state_version = 1,
	.fields = test_clock_fields,
	.create = test_clock_create,
	.reset = test_clock_reset,
};
