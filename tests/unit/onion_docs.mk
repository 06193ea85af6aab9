UNIT_TESTS += crypto_blind onion_address onion_keys onion_desc onion_auth_file
