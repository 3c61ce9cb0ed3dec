// SPDX-License-Identifier: GPL-2.0
/* The module's decoder: lengths and operands of what it handles itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <Zydis/Zydis.h>

#include "kmod/decode.c"

struct row {
	const char *name;
	int code_size;
	u8 bytes[DECODE_MAX];
	int length;		/* or -errno */
	u8 opcode;
};

static const struct row rows[] = {
	{ "cpuid", 8, { 0x0f, 0xa2 }, 2, 0xa2 },
	{ "cpuid, prefixed", 8, { 0x66, 0xf3, 0x0f, 0xa2 }, 4, 0xa2 },
	{ "cpuid, 16-bit", 2, { 0x0f, 0xa2 }, 2, 0xa2 },
	{ "hlt", 4, { 0xf4 }, 1, 0xf4 },
	{ "rdmsr", 8, { 0x48, 0x0f, 0x32 }, 3, 0x32 },
	{ "mov cr4, rax", 8, { 0x0f, 0x22, 0xe0 }, 3, 0x22 },
	{ "mov cr8, r9", 8, { 0x45, 0x0f, 0x22, 0xc1 }, 4, 0x22 },
	{ "mov cr with mod 0", 8, { 0x0f, 0x22, 0x20 }, 3, 0x22 },
	{ "xsetbv", 8, { 0x0f, 0x01, 0xd1 }, 3, 0x01 },
	{ "mov [disp32], eax", 8, { 0x89, 0x04, 0x25, 0, 0, 0, 0 }, 7, 0x89 },
	{ "mov eax, [rip + disp]", 8, { 0x8b, 0x05, 0, 0, 0, 0 }, 6, 0x8b },
	{ "mov [rax + disp8], edx", 8, { 0x89, 0x50, 0x10 }, 3, 0x89 },
	{ "mov [rsp + disp32], r8d", 8, { 0x44, 0x89, 0x84, 0x24, 1, 2, 3, 4 }, 8, 0x89 },
	{ "mov dword [rax], imm", 8, { 0xc7, 0x00, 1, 2, 3, 4 }, 6, 0xc7 },
	{ "mov word [rax], imm", 8, { 0x66, 0xc7, 0x00, 1, 2 }, 5, 0xc7 },
	{ "mov eax, moffs64", 8, { 0xa1, 0, 0, 0, 0, 0, 0, 0, 0 }, 9, 0xa1 },
	{ "mov eax, moffs32", 8, { 0x67, 0xa1, 0, 0, 0, 0 }, 6, 0xa1 },
	{ "mov ax, moffs16", 2, { 0xa1, 0, 0 }, 3, 0xa1 },
	{ "mov [bp + disp8], ax", 2, { 0x89, 0x46, 0x10 }, 3, 0x89 },
	{ "mov [disp16], ax", 2, { 0x89, 0x06, 0, 0 }, 4, 0x89 },
	{ "not ours: add", 8, { 0x01, 0x00 }, -ENOSYS, 0x01 },
	{ "only prefixes", 8, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
			       0x66, 0x66, 0x66, 0x66 }, -ENODATA, 0 },
};

static void test_rows(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct decode_insn insn;
		int ret = decode_insn(&insn, row->bytes, DECODE_MAX, row->code_size);

		if ((ret ? ret : insn.length) != row->length)
			fail_msg("%s: %d, not %d", row->name, ret ? ret : insn.length,
				 row->length);
		if (!ret)
			assert_int_equal(insn.opcode, row->opcode);
	}
}

/* Cut anywhere, it asks for more and never reads past the end. */
static void test_cut(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int n = 0; n < rows[i].length; n++) {
			u8 *exact = malloc(n ? n : 1);
			struct decode_insn insn;

			memcpy(exact, rows[i].bytes, n);
			assert_int_equal(decode_insn(&insn, exact, n, rows[i].code_size),
					 -ENODATA);
			free(exact);
		}
	}
}

static void test_mov(void **state)
{
	struct decode_insn insn;
	struct decode_mov mov;

	assert_int_equal(decode_insn(&insn, (u8[]){ 0x89, 0x50, 0x10 }, 3, 8), 0);
	assert_int_equal(decode_mov(&insn, &mov), 0);
	assert_true(mov.write && mov.gpr == 2 && mov.size == 4 && !mov.immediate);

	assert_int_equal(decode_insn(&insn, (u8[]){ 0x88, 0x20 }, 2, 8), 0);
	assert_int_equal(decode_mov(&insn, &mov), 0);
	assert_true(mov.high_byte && mov.gpr == 0 && mov.size == 1);

	assert_int_equal(decode_insn(&insn, (u8[]){ 0x40, 0x88, 0x20 }, 3, 8), 0);
	assert_int_equal(decode_mov(&insn, &mov), 0);
	assert_true(!mov.high_byte && mov.gpr == 4);

	assert_int_equal(decode_insn(&insn, (u8[]){ 0xc7, 0x00, 1, 2, 3, 4 }, 6, 8), 0);
	assert_int_equal(decode_mov(&insn, &mov), 0);
	assert_true(mov.immediate && mov.write && insn.immediate == 0x04030201);

	/* Register to register is no access to memory. */
	assert_int_equal(decode_insn(&insn, (u8[]){ 0x89, 0xd0 }, 2, 8), 0);
	assert_int_equal(decode_mov(&insn, &mov), -ENOSYS);
}

/* Whatever it accepts has the length that a full decoder finds. */
static void test_against_zydis(void **state)
{
	ZydisDecoder decoder;
	unsigned int agreed = 0;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	srand(1);
	for (unsigned int round = 0; round < 300000; round++) {
		static const u8 starts[] = { 0x0f, 0x88, 0x89, 0x8a, 0x8b, 0xc6, 0xc7, 0xa1, 0x66,
					     0x67, 0x48, 0x45, 0x40, 0xf4 };
		ZydisDecodedInstruction full;
		struct decode_insn insn;
		u8 bytes[DECODE_MAX];

		for (unsigned int i = 0; i < DECODE_MAX; i++)
			bytes[i] = i < 2 ? starts[rand() % ARRAY_SIZE(starts)] : rand();
		if (decode_insn(&insn, bytes, DECODE_MAX, 8))
			continue;
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes,
								DECODE_MAX, &full)))
			continue;
		assert_int_equal(insn.length, full.length);
		agreed++;
	}
	assert_true(agreed > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_mov),
		cmocka_unit_test(test_against_zydis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
