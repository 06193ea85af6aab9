UNIT_TESTS += onion_hashx onion_equix onion_pow onion_pow_pool
