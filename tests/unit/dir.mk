UNIT_TESTS += dir_docs dir_client dir_schedule dir_authority dir_http dir_cache dir_routerdesc
