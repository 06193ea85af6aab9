FUZZERS += relay_msg circuit conflux conflux_msg
