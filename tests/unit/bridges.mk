UNIT_TESTS += front_bridges
