UNIT_TESTS += config front_names
