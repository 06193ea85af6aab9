UNIT_TESTS += dir_docs dir_client
