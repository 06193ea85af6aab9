# The delaying network of "network.py start --wan"; stands alone.
$(B)/tests/net/wan: $(B)/tests/net/wan.o
	$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^
