# SPDX-License-Identifier: GPL-2.0
# `make help` lists the targets.

MAKEFLAGS += --no-builtin-rules
VERSION	:= 0.1.0

CC	?= gcc
AR	?= ar
KVER	?= $(shell uname -r)
KDIR	?= /lib/modules/$(KVER)/build
B	:= build
KCONF	:= $(firstword $(wildcard /usr/lib/linux-kbuild-6.1/scripts/kconfig/conf \
			/usr/lib/linux-kbuild-*/scripts/kconfig/conf))

Q	:= $(if $(V),,@)
say	= @printf '  %-7s %s\n' $(1) $(2)

# Folders of the binary, each with a Kbuild fragment: `vmm-y` lists objects
# of the binary, `shared-y` those that the module compiles as well.
DIRS	:= base cfgm ssm tm pgm pdm pdm/dev pdm/drv gim vmm vmm/cli vmm/trpm vmm/em vmm/boot vmm/acpi

all: $(B)/vmm

-include $(B)/include/config/auto.conf

# Set at once: each folder brings a vmm-y of its own.
OBJS	:=
SHARED	:=
define folder
vmm-y :=
shared-y :=
include $(1)/Kbuild
OBJS	+= $$(addprefix $(B)/obj/$(1)/,$$(vmm-y) $$(shared-y))
SHARED	+= $$(patsubst %.o,$(1)/%.c,$$(shared-y))
endef
$(foreach d,$(DIRS),$(if $(wildcard $d/Kbuild),$(eval $(call folder,$d))))

PKGS	:= libconfig zydis libelf
CFLAGS	?= -O2 -g
ALL_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Werror \
	   -Wmissing-prototypes -Wstrict-prototypes -Wvla -D_GNU_SOURCE -DVMM_VERSION='"$(VERSION)"' \
	   -fno-strict-aliasing -pthread -I. -Ibase -Ikmod/uapi -I$(B)/generated \
	   -include $(B)/include/generated/autoconf.h $(CFLAGS)
LIBS	:= -lconfig -lZydis -lelf -lm -pthread

# --- configuration ---------------------------------------------------------
KCONFIG_ENV := KCONFIG_CONFIG=.config KCONFIG_AUTOCONFIG=$(B)/include/config/auto.conf \
	       KCONFIG_AUTOHEADER=$(B)/include/generated/autoconf.h \
	       KCONFIG_RUSTCCFG=$(B)/include/generated/rustc_cfg srctree=.

$(B)/include/config/auto.conf $(B)/include/generated/autoconf.h &: Kconfig $(wildcard */Kconfig .config)
	@mkdir -p $(B)/include/config $(B)/include/generated
	$(Q)$(KCONFIG_ENV) $(KCONF) $(if $(wildcard .config),--olddefconfig,--alldefconfig) Kconfig >/dev/null
	$(Q)$(KCONFIG_ENV) $(KCONF) --syncconfig Kconfig
	@touch $(B)/include/config/auto.conf $(B)/include/generated/autoconf.h

menuconfig:
	$(Q)KCONFIG_CONFIG=.config python3 -m menuconfig Kconfig

# --- the binary ------------------------------------------------------------
$(B)/vmm: $(OBJS)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $(OBJS) $(LIBS)

$(B)/obj/%.o: %.c $(B)/include/generated/autoconf.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJS:.o=.d)

# --- the module ------------------------------------------------------------
# kbuild writes beside its sources, so each kernel gets a tree of links.
KMOD	:= $(B)/kmod-$(KVER)
kmod: $(B)/include/generated/autoconf.h
	$(Q)scripts/kmod-tree $(KMOD) $(SHARED)
	$(Q)$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)/$(KMOD) $(if $(V),V=1) \
		$(if $(C),C=$(C)) modules

# --- what emulated hosts and guests run --------------------------------------
STATIC_CFLAGS := -std=gnu11 -O2 -Wall -Wextra -Wno-unused-parameter -Werror -D_GNU_SOURCE -static

$(B)/emuhost/%: scripts/emuhost/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(STATIC_CFLAGS) -o $@ $<

$(B)/guest/%: scripts/guest/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(STATIC_CFLAGS) -o $@ $<

$(B)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(STATIC_CFLAGS) -o $@ $<

$(B)/guest/initrd: scripts/guest-initrd scripts/guest/init scripts/emuhost/cpio.py \
		   $(B)/guest/vmm-exit /bin/busybox
	$(call say,CPIO,$@)
	$(Q)scripts/guest-initrd $@

$(B)/bench/initrd: $(B)/guest/initrd $(B)/bench/clocks
	$(call say,CPIO,$@)
	$(Q)scripts/guest-initrd $@ $(B)/bench/clocks:/bin/clocks

# --- tests -------------------------------------------------------------------
include tests/unit/Kbuild
include tests/boot/Kbuild
include tests/host/Kbuild

# What emulated hosts and the tests in them need beside the binary and the module.
test-programs: $(B)/emuhost/agent $(B)/guest/initrd guests abi boot-programs host-programs

setup:
	$(Q)scripts/setup

check: setup
	$(Q)scripts/check

check-all: setup
	$(Q)scripts/check --all

lint:
	$(Q)scripts/lint
	$(Q)scripts/sparse

bench: setup
	$(Q)scripts/bench

run: setup
	$(Q)$(MAKE) --no-print-directory -s $(B)/vmm test-programs
	$(Q)scripts/run

# --- installation --------------------------------------------------------------
PREFIX	?= /usr/local
DKMS	:= $(DESTDIR)/usr/src/vmm-$(VERSION)

install: $(B)/vmm
	install -D -m 755 $(B)/vmm $(DESTDIR)$(PREFIX)/bin/vmm
	$(foreach m,$(wildcard man/*.[1-8]),install -D -m 644 $m \
		$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $m))/$(notdir $m) &&) true
	install -D -m 644 scripts/install/60-vmm.rules $(DESTDIR)/usr/lib/udev/rules.d/60-vmm.rules
	install -D -m 644 scripts/install/vmm.conf $(DESTDIR)/usr/lib/sysusers.d/vmm.conf
	scripts/kmod-tree $(B)/dkms $(SHARED)
	rm -rf $(DKMS)
	mkdir -p $(DKMS)
	cp -rL $(B)/dkms/. $(DKMS)/
	sed 's/@VERSION@/$(VERSION)/' scripts/install/dkms.conf > $(DKMS)/dkms.conf

# --- bare-metal test guests ---------------------------------------------------
include tests/guest/Kbuild

# --- tests of the kernel interface --------------------------------------------
include tests/abi/Kbuild

clean:
	rm -rf $(B)

help:
	@sed -n 's/^## //p' Makefile

## make            build the binary, build/vmm
## make kmod       build the module for KVER (default: the running kernel)
## make run        boot a Debian kernel by vmm run, in an emulated host where need be
## make check      all tests; the last line counts them. make check-all: in every host
## make bench      instructions per exit (both vendors) and per boot, memory, beside KVM
## make unit       the unit tests alone
## make lint       what the compiler does not know of our rules, and sparse
## make install    binary, manual pages, udev rule, DKMS sources (PREFIX, DESTDIR)
## make guests     build the bare-metal test guests, build/tests/guest/
## make abi        build the tests of the kernel interface, build/tests/abi/
## make clean      remove build/

.PHONY: all kmod clean help menuconfig setup check check-all lint run bench install test-programs
