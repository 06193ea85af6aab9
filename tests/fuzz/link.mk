FUZZERS += cell link_certs link_handshake pt_message socks_client config_nodes
