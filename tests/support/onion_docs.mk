support_SRCS += tests/support/hsworld.c
