# The fuzz targets. FLAVOUR=fuzz: libFuzzer; FLAVOUR=afl: AFL++, cmplog: its build that tells what is compared; any other: a plain main that replays files (standalone.c).
fuzz_main_fuzz := $(B)/fuzz/target.o
fuzz_mutator   := mutate invent wild
fuzz_programs  := $(B)/fuzz/libfuzzer.o $(patsubst %,$(B)/fuzz/%.o,$(fuzz_mutator))
# Their inputs are no programs: libFuzzer changes them by itself.
fuzz_bytes     := trace boot snapshot ring differential
fuzz_main_afl  := $(B)/fuzz/target.o $(B)/fuzz/afl.o $(B)/fuzz/files.o
fuzz_main_cmplog := $(fuzz_main_afl)
fuzz_main_msanfuzz := $(fuzz_main_fuzz)
fuzz_main      := $(or $(fuzz_main_$(FLAVOUR)),$(B)/fuzz/target.o $(B)/fuzz/standalone.o $(B)/fuzz/files.o)
fuzz_link_fuzz := -fsanitize=fuzzer
# All of it has MSan, as bytes that nobody set may pass through any of it; what is counted is core alone.
fuzz_link_msanfuzz := $(fuzz_link_fuzz)
CORE_msanfuzz  := $(COUNT)
# Fuzzers live on speed. UBSan's checks of pointers (null, alignment, overflow, size) are left to ASan, which looks at the access
# itself, and to the asan flavour, which runs the kept programs with all of them: a tenth faster.
CORE_fuzz      := $(filter-out -fno-omit-frame-pointer,$(SAN)) -fno-sanitize=null,alignment,pointer-overflow,object-size \
		  -fno-sanitize-address-use-after-scope $(COUNT)
# Under AFL++ too the core carries the sanitizers, and only the core is instrumented, without the decoder of ops.
CORE_afl       := $(filter-out $(COUNT),$(CORE_fuzz))
LINK_afl       := $(SAN)
fuzz_link_afl  := -Wl,--wrap=waitpid
fuzz_link_cmplog := $(fuzz_link_afl)
CORE_cmplog    := $(CORE_afl)
LINK_cmplog    := $(SAN)
ifeq ($(FLAVOUR),cmplog)
export AFL_LLVM_CMPLOG := 1
endif
ifneq ($(filter afl cmplog,$(FLAVOUR)),)
export AFL_LLVM_ALLOWLIST := $(CURDIR)/fuzz/afl-allow.txt
export AFL_QUIET := 1
$(B)/core/trace/%.o: CC := clang
$(B)/core/trace/%.o: CORE_$(FLAVOUR) :=
endif
comma          := ,
fuzz_libs      := $(B)/libsim.a $(B)/libcore.a

# What reads files is part of the harness elsewhere; for the targets that are about it, it is built once more, as core is.
$(B)/seen/%.o: %.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(CORE_$(FLAVOUR)) -Icore -Ikvm-frontend -MMD -MP -c $< -o $@
seen_trace := $(patsubst %.c,$(B)/seen/%.o,$(wildcard core/trace/*.c))
seen_boot  := $(patsubst %.c,$(B)/seen/%.o,$(wildcard kvm-frontend/boot/*.c))
# What a target of its own kind needs beside the harness.
fuzz_with_ring     := $(B)/fuzz/tiny.o
fuzz_with_snapshot := $(B)/fuzz/forge.o
fuzz_with_device   := $(B)/fuzz/differ.o
fuzz_with_differential := $(fuzz_with_device)
fuzz_with_trace    := $(B)/fuzz/roundtrip.o $(B)/fuzz/made.o
# The bug of fuzz_canary.c.
planted = $(if $(filter canary,$*),-Wl$(comma)--wrap=blk_io_done)
# What standalone.c counts.
counted = $(if $(filter %/standalone.o,$^),$(addprefix -Wl$(comma)--wrap=,malloc calloc realloc))
.SECONDEXPANSION:

$(B)/fuzz_%: $(B)/fuzz/fuzz_%.o $$(fuzz_with_$$*) $$(seen_$$*) $$(if $$(filter fuzz msanfuzz oss,$(FLAVOUR)),$$(if $$(filter $$*,$(fuzz_bytes)),,$(fuzz_programs))) $(fuzz_main) $(fuzz_libs)
	@$(or $(LD_$(FLAVOUR)),$(CC)) $(CFLAGS) $(LINK_$(FLAVOUR)) $(fuzz_link_$(FLAVOUR)) $(planted) $(counted) $^ $(ZSTD) -o $@
$(B)/tests/test_mutate: $(patsubst %,$(B)/fuzz/%.o,$(fuzz_mutator)) $(B)/sim-frontend/machine_byte.o
# The differences that these plant.
$(B)/tests/test_sim_tape: LINK_$(FLAVOUR) += -Wl$(comma)--wrap=vq_complete
$(B)/tests/test_determinism: $(B)/fuzz/target.o $(B)/sim-frontend/machine_byte.o
$(B)/tests/test_determinism: LINK_$(FLAVOUR) += -Wl$(comma)--wrap=vdev_config_changed
$(B)/tests/test_differ: $(B)/fuzz/fuzz_device.o $(B)/fuzz/differ.o $(B)/fuzz/target.o $(B)/sim-frontend/machine_byte.o
$(B)/tests/test_differ: LINK_$(FLAVOUR) += $(addprefix -Wl$(comma)--undefined=,sim_run_tape sim_file_write program_run) -Wl$(comma)--wrap=vq_complete
# The mutator as AFL++ loads it: no part of any program.
$(BUILD)/afl/mutator.so: fuzz/afl_mutator.c $(patsubst %,fuzz/%.c,$(fuzz_mutator)) sim-frontend/machine_byte.c core/trace/op.c core/hash.c
	@mkdir -p $(@D) && clang $(WARN) -O2 -shared -fPIC $(I_fuzz) $^ -o $@
# The same objects without a fuzzer around them: replay of files, and speed.
$(B)/replay_%: $(B)/fuzz/fuzz_%.o $$(fuzz_with_$$*) $$(seen_$$*) $(B)/fuzz/target.o $(B)/fuzz/standalone.o $(B)/fuzz/files.o $(fuzz_libs)
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $(planted) $(counted) $^ -lzstd -o $@
$(B)/bench_fuzz_%: $(B)/fuzz/fuzz_%.o $$(fuzz_with_$$*) $(B)/fuzz/target.o $(B)/fuzz/bench_fuzz.o $(B)/fuzz/files.o $(fuzz_libs)
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ -lzstd -o $@
fuzzers: $(patsubst %,$(B)/fuzz_%,$(targets)) $(patsubst %,$(B)/replay_%,$(targets))
.PHONY: fuzzers
corpus-player: $(patsubst %,$(B)/replay_%,$(targets))
.PHONY: corpus-player
# What the kept programs reach, by name (reach.h): it looks on where these are called.
reach_at := mmio_read mmio_write control_says control_hears control_port filter_answered
$(B)/reach: $(B)/fuzz/reach.o $(B)/fuzz/reach_list.o $(B)/fuzz/files.o $(fuzz_libs)
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $(addprefix -Wl$(comma)--wrap=,$(reach_at)) $^ -lzstd -o $@
fuzz-bench: $(B)/bench_fuzz_blk $(B)/bench_fuzz_device
.PHONY: fuzz-bench
# Assembles what is kept in corpus/.
$(B)/seeds: $(B)/fuzz/seeds.o $(fuzz_libs)
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ $(ZSTD) -o $@
