support_SRCS += tests/support/pathnet.c
