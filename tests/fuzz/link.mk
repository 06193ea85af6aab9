FUZZERS += cell link_certs link_handshake
