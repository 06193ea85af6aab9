UNIT_TESTS += path_select path_choose
