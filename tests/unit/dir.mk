UNIT_TESTS += dir_docs
