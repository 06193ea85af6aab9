BENCHES += dir
$(B)/tests/bench/bench_dir: $(B)/tests/bench/bench_dir.o $(B)/libsupport.a $(B)/libdirclient.a $(B)/libcommon.a
	$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_AGENT)
