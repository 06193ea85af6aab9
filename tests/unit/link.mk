UNIT_TESTS += cell link_netinfo link_certs link_handshake link_tls link_channel link_pool link_cells link_socks link_bridge_line link_pt link_spawner link_proxy
