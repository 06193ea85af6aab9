FUZZERS += relay_msg circuit
