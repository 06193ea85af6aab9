UNIT_TESTS += onion_dir_request
