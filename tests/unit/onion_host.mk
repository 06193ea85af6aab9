UNIT_TESTS += onion_service_files onion_service front_service
