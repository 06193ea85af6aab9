onion_SRCS :=
