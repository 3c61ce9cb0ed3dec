/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vocabulary of every file that is not kernel-only: fixed-width types,
 * address types that must not mix, and a handful of macros.
 *
 * The kernel's side has a header of the same name in kmod/include; code
 * shared by both rings includes "base.h" and nothing else, and the include
 * path decides. Whatever stands here for shared code must stand there too.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned __int128 u128;
typedef __int128 s128;

/* Guest-physical, guest-linear; host pointers are pointers. */
typedef u64 gpa_t;
typedef u64 gva_t;

#define BIT(n)		(1UL << (n))
#define BIT_ULL(n)	(1ULL << (n))
/* Bits high..low, both included. */
#define GENMASK_ULL(high, low)	((~0ULL >> (63 - (high))) & (~0ULL << (low)))

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define min(a, b)	({ __auto_type _a = (a); __auto_type _b = (b); _a < _b ? _a : _b; })
#define max(a, b)	({ __auto_type _a = (a); __auto_type _b = (b); _a > _b ? _a : _b; })
#define clamp(v, lo, hi) min(max(v, lo), hi)

/* @a is a power of two. */
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define ALIGN_UP(x, a)		ALIGN_DOWN((x) + (__typeof__(x))(a) - 1, a)
#define IS_ALIGNED(x, a)	(((x) & ((__typeof__(x))(a) - 1)) == 0)

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define __printf_fmt(f, a) __attribute__((format(printf, f, a)))
#define __must_check	__attribute__((warn_unused_result))

#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* (a * b) >> shift without losing the high half; shift is 0 to 127. */
static inline u64 mul_u64_u64_shr(u64 a, u64 b, unsigned int shift)
{
	return (u64)(((u128)a * b) >> shift);
}

/* a * b / divisor; the quotient must fit. */
static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 divisor)
{
	return (u64)((u128)a * b / divisor);
}

#endif
