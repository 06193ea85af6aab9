support_SRCS += tests/support/linkpeer.c
