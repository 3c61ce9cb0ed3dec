/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's version of base/base.h, for code that both rings compile.
 */
#ifndef KMOD_BASE_H
#define KMOD_BASE_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>

typedef u64 gpa_t;
typedef u64 gva_t;
typedef unsigned __int128 u128;

#define ALIGN_UP(x, a) ALIGN(x, a)

/* mul_u64_u64_shr() and mul_u64_u64_div_u64() are math64.h's own. */

#endif
