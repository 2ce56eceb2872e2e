# The fuzz targets. FLAVOUR=fuzz: libFuzzer; FLAVOUR=afl: AFL++; any other: a plain main that replays files (standalone.c).
fuzz_main_fuzz := $(B)/fuzz/target.o $(B)/fuzz/libfuzzer.o $(B)/fuzz/mutate.o
fuzz_main_afl  := $(B)/fuzz/target.o $(B)/fuzz/afl.o
fuzz_main      := $(or $(fuzz_main_$(FLAVOUR)),$(B)/fuzz/target.o $(B)/fuzz/standalone.o $(B)/fuzz/files.o)
fuzz_link_fuzz := -fsanitize=fuzzer
# Fuzzers live on speed. UBSan's checks of pointers (null, alignment, overflow, size) are left to ASan, which looks at the access
# itself, and to the asan flavour, which runs the kept programs with all of them: a tenth faster.
CORE_fuzz      := $(filter-out -fno-omit-frame-pointer,$(SAN)) -fno-sanitize=null,alignment,pointer-overflow,object-size \
		  -fno-sanitize-address-use-after-scope $(COUNT)
# Under AFL++ too the core carries the sanitizers, and only the core is instrumented.
CORE_afl       := $(SAN)
LINK_afl       := $(SAN)
ifeq ($(FLAVOUR),afl)
export AFL_LLVM_ALLOWLIST := $(CURDIR)/fuzz/afl-allow.txt
export AFL_QUIET := 1
endif
fuzz_libs      := $(B)/libsim.a $(B)/libcore.a

$(B)/fuzz_%: $(B)/fuzz/fuzz_%.o $(fuzz_main) $(fuzz_libs)
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $(fuzz_link_$(FLAVOUR)) $^ -lzstd -o $@
# The same objects without a fuzzer around them: replay of files, and speed.
$(B)/replay_%: $(B)/fuzz/fuzz_%.o $(B)/fuzz/target.o $(B)/fuzz/standalone.o $(B)/fuzz/files.o $(fuzz_libs)
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ -lzstd -o $@
$(B)/bench_fuzz_%: $(B)/fuzz/fuzz_%.o $(B)/fuzz/target.o $(B)/fuzz/bench_fuzz.o $(B)/fuzz/files.o $(fuzz_libs)
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $^ -lzstd -o $@
fuzzers: $(patsubst %,$(B)/fuzz_%,$(targets)) $(patsubst %,$(B)/replay_%,$(targets))
.PHONY: fuzzers
corpus-player: $(patsubst %,$(B)/replay_%,$(targets))
.PHONY: corpus-player
fuzz-bench: $(B)/bench_fuzz_blk
.PHONY: fuzz-bench
