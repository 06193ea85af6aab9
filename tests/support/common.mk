support_SRCS += tests/support/mutate.c
