FUZZERS += cell link_certs link_handshake pt_message spawner_msg socks_client config_nodes
