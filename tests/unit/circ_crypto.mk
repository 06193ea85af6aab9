UNIT_TESTS += handshake relay_crypto cgo cc_vegas
