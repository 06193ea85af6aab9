UNIT_TESTS += sandbox
