BENCHES += onion
$(B)/tests/bench/bench_onion: $(B)/tests/bench/bench_onion.o $(B)/libsupport.a $(B)/libonion.a $(B)/libcirc.a $(B)/liblink.a $(B)/libdirclient.a $(B)/libcommon.a
	$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_AGENT)
