BENCHES += link
$(B)/tests/bench/bench_link: $(B)/tests/bench/bench_link.o $(B)/libsupport.a $(B)/liblink.a $(B)/libcommon.a
	$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_AGENT)
