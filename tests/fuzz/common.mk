FUZZERS += edcert codec rsa_key
