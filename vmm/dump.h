/* SPDX-License-Identifier: GPL-2.0 */
/* What a vCPU looks like, for a person: registers, code, stack, last exits. */
#ifndef VMM_DUMP_H
#define VMM_DUMP_H

#include <stdio.h>

#include "vmm/em/em.h"

/* EM is paused. @pgm for the guest's memory. */
void dump_vcpu(FILE *out, struct em_vcpu *vcpu, struct pgm *pgm);
void dump_all(FILE *out, struct em *em, struct pgm *pgm);
/* Exits of all vCPUs by reason, most frequent first. */
void dump_stats(FILE *out, struct hm_vm *hm);

#endif
