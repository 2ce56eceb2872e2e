# Ringside: `make help` tells the targets. Everything built lies under build/, one folder per flavour:
#   plain gcc -O2 | clang clang -O3 | asan gcc ASan+UBSan | msan clang MSan | fuzz, msanfuzz clang libFuzzer+ASan+UBSan, +MSan | afl, cmplog AFL++ | cov coverage
FLAVOUR ?= plain
BUILD   ?= build
B       := $(BUILD)/$(FLAVOUR)
WARN    := -std=gnu11 -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror -fno-builtin-bcmp
SAN     := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
COUNT   := -fsanitize-coverage=inline-8bit-counters,pc-table

CC_plain := gcc
CF_plain := -O2
CC_clang := clang
CF_clang := -O3
CC_asan  := gcc
CF_asan  := -O1 $(SAN)
CC_msan  := clang
# Where an unset byte comes from: make FLAVOUR=msan CF_msan='-O1 -fsanitize=memory -fsanitize-memory-track-origins' (three times as slow).
CF_msan  := -O1 -fsanitize=memory -fno-omit-frame-pointer
CC_fuzz  := clang
CF_fuzz  := -O2
CC_msanfuzz := clang
CF_msanfuzz := $(CF_msan)
CC_afl   := afl-clang-fast
CF_afl   := -O2
CC_cmplog := afl-clang-fast
CF_cmplog := -O2
CC_cov   := clang
CF_cov   := -O1 -fprofile-instr-generate -fcoverage-mapping
CC       := $(CC_$(FLAVOUR))
CFLAGS   := $(WARN) -g $(CF_$(FLAVOUR))
# In the fuzz flavour the core carries sanitizers and counters; the harness around it stays plain and fast.
CORE_fuzz := $(SAN) $(COUNT)
LINK_fuzz := $(SAN)

core_src := $(wildcard core/*.c core/*/*.c)
sim_src  := $(filter-out sim-frontend/main.c,$(wildcard sim-frontend/*.c))
kvm_src  := $(filter-out kvm-frontend/main.c,$(wildcard kvm-frontend/*.c kvm-frontend/boot/*.c))
kvm_libs := -lzstd -luring -lslirp -lseccomp -lpthread
I_core   := -Icore
I_sim    := -Icore -Isim-frontend
I_kvm    := -Icore -Ikvm-frontend
I_fuzz   := -Icore -Isim-frontend -Ikvm-frontend -Ifuzz
I_tests  := -I. -Icore -Isim-frontend -Ikvm-frontend -Ifuzz
o         = $(patsubst %.c,$(B)/%.o,$(1))
units    := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
targets  := $(patsubst fuzz/fuzz_%.c,%,$(filter-out fuzz/fuzz_canary.c,$(wildcard fuzz/fuzz_*.c)))

all: $(B)/ringside $(B)/ringside-vmm ## build both programs of one FLAVOUR (plain by default)

# The decoder belongs to the harness there, not to what is fuzzed: neither slowed nor counted.
$(B)/core/trace/%.o: CORE_fuzz :=
$(B)/core/trace/%.o: CORE_msanfuzz :=
$(B)/core/%.o: core/%.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(CORE_$(FLAVOUR)) $(I_core) -MMD -MP -c $< -o $@
$(B)/sim-frontend/%.o: sim-frontend/%.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(I_sim) -MMD -MP -c $< -o $@
$(B)/sim-frontend/page.o: $(wildcard sim-frontend/page/*)
$(B)/kvm-frontend/%.o: kvm-frontend/%.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(I_kvm) -MMD -MP -c $< -o $@
$(B)/fuzz/%.o: fuzz/%.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(I_fuzz) -MMD -MP -c $< -o $@
$(B)/tests/%.o: tests/%.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(I_tests) -MMD -MP -c $< -o $@
$(B)/libcore.a: $(call o,$(core_src))
$(B)/libsim.a: $(call o,$(sim_src))
$(B)/libkvm.a: $(call o,$(kvm_src))
$(B)/libunit.a: $(call o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
%.a:
	@rm -f $@ && ar rcs $@ $^
$(B)/ringside: $(B)/sim-frontend/main.o $(B)/libsim.a $(B)/libcore.a
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ $(ZSTD) -lz -o $@
$(B)/ringside-vmm: $(B)/kvm-frontend/main.o $(B)/libkvm.a $(B)/libcore.a
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ $(kvm_libs) -o $@
$(B)/tests/test_%: $(B)/tests/unit/test_%.o $(B)/libunit.a $(B)/libsim.a $(B)/libkvm.a $(B)/libcore.a
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ -lcmocka -lz $(kvm_libs) -o $@
$(B)/bench_%: $(B)/tests/bench/bench_%.o $(B)/libsim.a $(B)/libkvm.a $(B)/libcore.a
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ $(kvm_libs) -o $@
# Failures that were found and are kept as C (docs/finding-and-shrinking.md), one program each; most are kept as texts in corpus/.
$(B)/tests/regress/%: $(B)/tests/regress/%.o $(B)/libsim.a $(B)/libcore.a
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ -lcmocka -lzstd -o $@
regress: $(patsubst tests/regress/%.c,$(B)/tests/regress/%,$(wildcard tests/regress/*.c))
units: $(units) regress
# MSan: but for test_save_bad, which plants what no device holds, unset bytes too.
core-units: regress $(filter-out $(B)/tests/test_save_bad,$(filter $(addprefix $(B)/tests/test_,vmem arena hash state save save_% vq% vdev% mmio blk% rng console_% recorder offences op trace_% replay shrink sim_% oracle_%),$(units)))
benches: $(patsubst tests/bench/%.c,$(B)/%,$(wildcard tests/bench/bench_*.c))
-include fuzz/rules.mk tests/guest/rules.mk
-include $(shell find $(B) -name '*.d' 2>/dev/null)

test: ## all tests but the guest's boot: units (gcc, ASan+UBSan; of core under MSan), checks, corpus, kept traces
	@tests/deps.sh test && tests/test.sh
demo: ## two minutes: replay a kept boot, fuzz, boot a Debian kernel, record it, replay that
	@tests/deps.sh boot && tests/demo.sh
boot-test: ## a stock Debian kernel boots on our devices, directly or nested; its trace replays
	@tests/deps.sh boot && $(MAKE) -s all && tests/boot/run.sh
debian-test: ## an unmodified Debian disk boots to a login on hvc0, with network; needs root once, to make it
	@tests/deps.sh debian && $(MAKE) -s all && tests/debian/run.sh
flood-test: ## 256 MiB by network and 8 MiB by console at once, the cable pulled, the terminal stopped
	@tests/deps.sh boot && $(MAKE) -s all && tests/boot/flood.sh
compare-qemu: ## boot time and disk requests against QEMU's microvm in the same nested machine
	@tests/deps.sh boot && $(MAKE) -s all && tests/boot/compare-qemu.sh
compare-net: ## TCP through a tap against QEMU's virtio-net in the same nested machine
	@tests/deps.sh boot && $(MAKE) -s all && tests/boot/compare-net.sh
fuzz: ## TARGET=device|blk|rng|net|console|differential|ring|trace|boot|snapshot FUZZ_SECONDS=60 JOBS=1: libFuzzer with sanitizers and oracles, from the kept corpus
	@tests/deps.sh fuzz && JOBS=$(JOBS) fuzz/run.sh libfuzzer "$(TARGET)" "$(FUZZ_SECONDS)"
afl: ## the same programs under AFL++, persistent mode
	@tests/deps.sh fuzz && JOBS=$(JOBS) fuzz/run.sh afl "$(TARGET)" "$(FUZZ_SECONDS)"
bugbench: ## plant known bugs one at a time: how fast does ENGINE=sim|libfuzzer|afl find each?
	@tests/deps.sh fuzz && ENGINE=$(ENGINE) fuzz/bugbench.sh
coverage: ## what the kept corpus reaches of core/, as a table
	@tests/deps.sh fuzz && fuzz/coverage.sh
corpus-min: ## TARGET=.. (all): keep of build/grown what reaches more of core, as text in corpus/; drop what adds nothing
	@tests/deps.sh fuzz && fuzz/corpus.sh min $(if $(filter file,$(origin TARGET)),,$(TARGET))
corpus-add: ## FILE=.. TARGET=.. NAME=..: keep one program, a fuzzer's find, as text in corpus/TARGET/
	@fuzz/corpus.sh add "$(FILE)" "$(if $(filter file,$(origin TARGET)),,$(TARGET))" "$(NAME)"
bench: ## prints `bench NAME VALUE UNIT`
	@tests/deps.sh bench && tests/bench/run.sh
lint: ## clang-format, clang-tidy, cppcheck
	@tests/deps.sh lint && tests/lint.sh
install: all ## PREFIX=/usr/local
	install -D -t $(DESTDIR)$(PREFIX)/bin $(B)/ringside $(B)/ringside-vmm
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14
clean: ## remove build/, with what fuzzers grew and found there (build/grown, build/finds)
	rm -rf $(BUILD)
TARGET       ?= device
FUZZ_SECONDS ?= 60
JOBS         ?= 1
ENGINE       ?= sim
ZSTD         ?= -lzstd
PREFIX       ?= /usr/local
.PHONY: all units regress core-units benches test demo boot-test debian-test flood-test compare-qemu compare-net fuzz afl bugbench coverage corpus-min corpus-add bench lint install help clean
.SECONDARY:
.DELETE_ON_ERROR:
