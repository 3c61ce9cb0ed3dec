// SPDX-License-Identifier: GPL-2.0
/*
 * A page of memory that is reached by MMIO alone, for tests: whatever a guest
 * does to it goes through the instruction interpreter, and must look the same
 * as if it were RAM. All access sizes, at any address within. Where `port` is
 * set, four ports from there on show its first four bytes: a register of up to
 * four bytes that reads back what was written, for string I/O.
 */
#include "pdm/pdm.h"

#define TEST_MMIO_SIZE	4096
#define TEST_MMIO_PORTS	4

struct test_mmio {
	u8 bytes[TEST_MMIO_SIZE];
};

static const struct ssm_field test_mmio_fields[] = {
	SSM_RAW(struct test_mmio, bytes),
	SSM_END
};

/* PDM keeps accesses within the range. */
static u64 test_mmio_read(struct pdm_device *dev, u64 offset, u32 size)
{
	struct test_mmio *s = pdm_state(dev);
	u64 value = 0;

	memcpy(&value, s->bytes + offset, size);
	return value;
}

static void test_mmio_write(struct pdm_device *dev, u64 offset, u32 size, u64 value)
{
	struct test_mmio *s = pdm_state(dev);

	memcpy(s->bytes + offset, &value, size);
}

static const struct pdm_io_ops test_mmio_ops = {
	.read = test_mmio_read,
	.write = test_mmio_write,
};

static int test_mmio_create(struct pdm_device *dev, struct error *err)
{
	const struct cfgm_node *config = pdm_config(dev);
	u64 gpa = (u64)cfgm_int(config, "address");
	int ret;

	if (!IS_ALIGNED(gpa, TEST_MMIO_SIZE))
		return error_set(err, EINVAL, "address 0x%llx is not a multiple of 4096",
				 (unsigned long long)gpa);
	ret = pdm_mmio_register(dev, gpa, TEST_MMIO_SIZE, &test_mmio_ops, err);
	if (!ret && cfgm_has(config, "port"))
		ret = pdm_port_register(dev, cfgm_int(config, "port"), TEST_MMIO_PORTS,
					&test_mmio_ops, err);
	return ret;
}

static void test_mmio_reset(struct pdm_device *dev)
{
	memset(pdm_state(dev), 0, sizeof(struct test_mmio));
}

static const struct cfgm_key test_mmio_keys[] = {
	{ .name = "address", .type = CFGM_INT, .min = 0, .max = (1LL << 52) - TEST_MMIO_SIZE,
	  .def = "0xfed80000", .help = "guest-physical address of its page" },
	{ .name = "port", .type = CFGM_INT, .min = 0, .max = 0x10000 - TEST_MMIO_PORTS,
	  .help = "first of four ports that show its first four bytes; absent: none" },
	{ .name = NULL }
};

const struct pdm_device_type test_mmio_device = {
	.version = PDM_VERSION,
	.name = "test-mmio",
	.help = "page of memory behind MMIO, to test the interpreter",
	.keys = test_mmio_keys,
	.state_size = sizeof(struct test_mmio),
	.state_version = 1,
	.fields = test_mmio_fields,
	.create = test_mmio_create,
	.reset = test_mmio_reset,
};
