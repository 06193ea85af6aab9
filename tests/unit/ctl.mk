UNIT_TESTS += ctl_format
# onionctl's own files are in no library.
support_SRCS += \
	agent/ctl/ctl_format.c \
	agent/ctl/show.c
