FUZZERS += http_reply
