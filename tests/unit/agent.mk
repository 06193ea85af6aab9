UNIT_TESTS += daemon socket_path sandbox netwatch clockwatch
