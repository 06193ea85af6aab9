FUZZERS += bridge_store
