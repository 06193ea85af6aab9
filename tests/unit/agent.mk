UNIT_TESTS += sandbox netwatch clockwatch
