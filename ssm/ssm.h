/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SSM, the saved state manager: what each unit's state consists of.
 *
 * A unit lists its state as data: const rows of fields in a struct, so that
 * saving and loading are one walk over one table and cannot disagree. What is
 * not listed is either configuration or derived, and the unit's comment says
 * so. Writing and reading the stream itself is not here yet.
 */
#ifndef SSM_SSM_H
#define SSM_SSM_H

#include "base/base.h"

enum ssm_kind { SSM_UINT, SSM_BYTES };

struct ssm_field {
	const char *name;
	enum ssm_kind kind;
	u32 offset;
	u32 size;		/* of one element */
	u32 count;		/* elements; 1 for a scalar */
};

#define _SSM_FIELD(_type, _member, _kind, _size, _count) {			\
	.name = #_member, .kind = (_kind), .offset = offsetof(_type, _member),	\
	.size = (_size), .count = (_count),					\
}
#define _SSM_SIZE(_type, _member) sizeof(((_type *)0)->_member)

/* An integer or bool; an array of them; raw bytes. */
#define SSM_FIELD(type, member) \
	_SSM_FIELD(type, member, SSM_UINT, _SSM_SIZE(type, member), 1)
#define SSM_ARRAY(type, member)							\
	_SSM_FIELD(type, member, SSM_UINT, _SSM_SIZE(type, member[0]),		\
		   _SSM_SIZE(type, member) / _SSM_SIZE(type, member[0]))
#define SSM_RAW(type, member) \
	_SSM_FIELD(type, member, SSM_BYTES, 1, _SSM_SIZE(type, member))
#define SSM_END { .name = NULL }

#endif
