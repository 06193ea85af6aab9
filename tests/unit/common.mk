UNIT_TESTS += wire crypto_hash crypto_aes crypto_key crypto_polyval edcert addr codec file log loop deadline
