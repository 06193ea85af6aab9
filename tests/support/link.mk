support_SRCS += tests/support/linkclient.c tests/support/linkpeer.c
