common_SRCS := \
	common/wire.c \
	common/secret.c
