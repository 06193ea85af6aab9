FUZZERS += ipc nameserver
