UNIT_TESTS += config front front_dirlink front_dormant front_lookup front_lease front_names front_session front_pipe front_pool front_set front_attach front_progress
