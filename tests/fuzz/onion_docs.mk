FUZZERS += onion_address onion_auth_file hs_desc desc_outer desc_middle desc_inner
