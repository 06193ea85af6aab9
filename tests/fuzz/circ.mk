FUZZERS += relay_msg circuit conflux_msg
