FUZZERS += pow
