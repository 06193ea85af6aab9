FUZZERS += introduce rendezvous
