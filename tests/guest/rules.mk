# SPDX-License-Identifier: BSD-2-Clause
# build/guest/tiny.elf: 32-bit code for no operating system, built by gcc whatever the FLAVOUR. May be included, or used alone:
# make -f tests/guest/rules.mk
BUILD ?= build
guest_src := $(wildcard tests/guest/tiny*.c) tests/guest/tiny.S
guest_o   := $(patsubst tests/guest/%,$(BUILD)/guest/%.o,$(guest_src))
GUEST_CC  := gcc -m32 -march=i386 -mgeneral-regs-only -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-stack-protector -fno-strict-aliasing -nostdlib \
	-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fcf-protection=none \
	-I. -isystem /usr/include/$(shell gcc -print-multiarch) \
	-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror

guest: $(BUILD)/guest/tiny.elf

$(BUILD)/guest/%.o: tests/guest/%
	@mkdir -p $(@D) && $(GUEST_CC) -MMD -MP -c $< -o $@
# A loader of kernels wants ELF64, whatever code is in it.
$(BUILD)/guest/tiny.elf: $(guest_o) tests/guest/tiny.ld
	@$(GUEST_CC) -no-pie -Wl,-T,tests/guest/tiny.ld,--build-id=none,-z,noexecstack,--no-warn-rwx-segments $(guest_o) -o $@.32
	@objcopy -I elf32-i386 -O elf64-x86-64 $@.32 $@
-include $(wildcard $(BUILD)/guest/*.d)
.PHONY: guest
