FUZZERS += ipc
