support_SRCS += tests/support/testdir.c
