UNIT_TESTS += ctl_format
