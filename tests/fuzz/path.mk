FUZZERS += guard_state timings
