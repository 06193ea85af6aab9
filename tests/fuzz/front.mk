FUZZERS += config front_session front_names
