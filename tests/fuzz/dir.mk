FUZZERS += dir_consensus dir_keycert dir_microdesc dir_diff dir_decompress dir_authority dir_routerdesc
