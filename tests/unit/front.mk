UNIT_TESTS += config front_lease front_names front_session front_pipe front_pool front_attach front_progress
