# SPDX-License-Identifier: GPL-2.0
# A test is one file, tests/unit/DIR/NAME.c, with a main() of its own. It is
# linked with the objects of the binary (not main.o) as an archive, under the
# address and undefined-behaviour sanitizers: what a test defines itself
# stands in for the object of that name.

U	:= $(B)/unit
USAN	:= -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNITS	:= $(patsubst tests/unit/%.c,$U/%,$(wildcard tests/unit/*/*.c))
UOBJS	:= $(patsubst $(B)/obj/%,$U/obj/%,$(filter-out %/vmm/main.o,$(OBJS)))

$U/obj/%.o: %.c $(B)/include/generated/autoconf.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -O1 $(USAN) -MMD -MP -c -o $@ $<

# What the binary's object needs (a generated file, say), this one needs too.
$(UOBJS): $U/obj/%.o: | $(B)/obj/%.o

$U/vmm.a: $(UOBJS)
	@rm -f $@
	$(Q)ar rcs $@ $^

$U/%: $U/obj/tests/unit/%.o $U/vmm.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -O1 $(USAN) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -lcmocka

# The registry refers to devices weakly, which pulls nothing from an archive.
$U/vmm/schema: $(filter $U/obj/pdm/dev/%,$(UOBJS))

unit: $(UNITS) $(B)/vmm
	$(Q)tests/unit/run $(UNITS)

-include $(UNITS:$U/%=$U/obj/tests/unit/%.d) $(UOBJS:.o=.d)

.PHONY: unit
.SECONDARY: $(UNITS:$U/%=$U/obj/tests/unit/%.o)
