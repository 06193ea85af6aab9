support_SRCS += tests/support/pathnet.c tests/support/guardworld.c
