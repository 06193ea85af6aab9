FUZZERS += introduce rendezvous vanguard_state
