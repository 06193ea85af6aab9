FUZZERS += service_key service_port
