UNIT_TESTS += crypto_hash crypto_aes crypto_key edcert addr codec
