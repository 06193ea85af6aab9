UNIT_TESTS += onion_client onion_connect onion_dir_request
