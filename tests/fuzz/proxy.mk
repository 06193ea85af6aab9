FUZZERS += socks http_request dns_query listener
