FUZZERS += socks http_request http_message http_body dns_query listener opening
