FUZZERS += handshake handshake_ext relay_open
