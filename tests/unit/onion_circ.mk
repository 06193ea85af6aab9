UNIT_TESTS += onion_messages
