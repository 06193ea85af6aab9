UNIT_TESTS += onion_client onion_client_auth onion_connect onion_dir_request
