UNIT_TESTS += onion_messages circ_onion path_vanguards
