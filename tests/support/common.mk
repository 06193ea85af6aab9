support_SRCS += tests/support/mutate.c
support_SRCS += tests/support/vectors.c
