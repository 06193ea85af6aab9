UNIT_TESTS += ipc
