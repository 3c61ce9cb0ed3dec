/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest takes for a network: a debugger's datagrams in frames of Ethernet,
 * IPv4 (RFC 791) and UDP (RFC 768).
 */
#ifndef GIM_HYPERV_FRAME_H
#define GIM_HYPERV_FRAME_H

#include "base/base.h"

#define HYPERV_FRAME_HEADERS	42	/* bytes of those that are built */

/* Who talks to whom. */
struct hyperv_flow {
	struct hyperv_end {
		u8 mac[6];
		u16 port;
		u32 ip;
	} guest, peer;
};

/*
 * What the guest's frame carries, and from whom to whom. NULL: that is not a
 * debugger's, and @flow stays. Checksums may be wrong.
 */
const u8 *hyperv_frame_open(const u8 *frame, u32 size, struct hyperv_flow *flow, u32 *carries);

/* A frame to the guest, of HYPERV_FRAME_HEADERS more than @carries, 64 KiB at most. */
void hyperv_frame_build(u8 *frame, const struct hyperv_flow *flow, const u8 *data, u32 carries);

#endif
