FUZZERS += tally ipc nameserver serve_event
