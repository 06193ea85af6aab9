# onionctl's own files are in no library: for their unit tests.
support_SRCS += \
	agent/ctl/ctl_format.c \
	agent/ctl/show.c
