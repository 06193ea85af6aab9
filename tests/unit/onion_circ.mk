UNIT_TESTS += onion_messages circ_onion
