BENCHES += pow
$(B)/tests/bench/bench_pow: $(B)/tests/bench/bench_pow.o $(B)/libonion.a $(B)/libcommon.a
	$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_AGENT)
