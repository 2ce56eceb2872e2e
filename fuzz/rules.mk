# The fuzz targets. FLAVOUR=fuzz: libFuzzer; any other: a plain main that replays files (standalone.c); FLAVOUR=afl: AFL++.
fuzz_main_fuzz := $(B)/fuzz/target.o
fuzz_main_afl  := $(B)/fuzz/target.o $(B)/fuzz/afl.o
fuzz_main      := $(or $(fuzz_main_$(FLAVOUR)),$(B)/fuzz/target.o $(B)/fuzz/standalone.o)
fuzz_link_fuzz := -fsanitize=fuzzer
$(B)/fuzz_%: $(B)/fuzz/fuzz_%.o $(fuzz_main) $(B)/libsim.a $(B)/libcore.a
	@$(CC) $(CFLAGS) $(LINK_$(FLAVOUR)) $(fuzz_link_$(FLAVOUR)) $^ -lzstd -o $@
fuzzers: $(patsubst %,$(B)/fuzz_%,$(targets))
.PHONY: fuzzers
