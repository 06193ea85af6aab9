UNIT_TESTS += path_select path_choose path_guard path_guard_time path_state path_cbt path_nodes
