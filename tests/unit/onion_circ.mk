UNIT_TESTS += onion_messages circ_onion path_vanguards front_pool_onion
