// SPDX-License-Identifier: GPL-2.0
/*
 * vmm-exit [STATUS]: ends the guest it runs in with this status, by writing
 * it to the debug-exit device at port 0xf4. Static, so that it runs in any
 * initrd. Where there is no such device it says so.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>

#define PORT 0xf4

int main(int argc, char **argv)
{
	unsigned long status = 0;
	char *end = "";

	if (argc > 1) {
		errno = 0;
		status = strtoul(argv[1], &end, 0);
	}
	if (argc > 2 || *end || (argc > 1 && (end == argv[1] || errno)) || status > UINT32_MAX) {
		fprintf(stderr, "usage: vmm-exit [STATUS]\n");
		return 2;
	}
	if (ioperm(PORT, 4, 1)) {
		fprintf(stderr, "vmm-exit: port 0x%x: %s\n", PORT, strerror(errno));
		return 1;
	}
	outl(status, PORT);
	fprintf(stderr, "vmm-exit: nothing at port 0x%x ended this machine\n", PORT);
	return 1;
}
