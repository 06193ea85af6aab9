BENCHES += connect
$(B)/tests/bench/bench_connect: $(B)/tests/bench/bench_connect.o $(B)/tests/bench/connect_peers.o $(B)/libcommon.a
	$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_AGENT) -lpthread
