onion_SRCS := \
	agent/onion/dir_request.c \
	agent/onion/http_reply.c
