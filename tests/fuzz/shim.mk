FUZZERS += ipc nameserver serve_event
