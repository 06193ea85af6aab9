UNIT_TESTS += ipc policy nameserver filter book serving waiters copies
