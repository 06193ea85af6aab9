UNIT_TESTS += crypto_hash crypto_aes crypto_key crypto_polyval edcert addr codec
