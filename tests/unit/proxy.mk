UNIT_TESTS += front_socks front_http front_dns front_isolate front_proxy front_peer
