UNIT_TESTS += handshake relay_crypto cgo
