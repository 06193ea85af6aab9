UNIT_TESTS += daemon logs socket_path sandbox netwatch clockwatch
