BENCHES += crypto
$(B)/tests/bench/bench_crypto: $(B)/tests/bench/bench_crypto.o $(B)/libcirc.a $(B)/libcommon.a
	$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_AGENT)
