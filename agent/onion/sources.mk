onion_SRCS := \
	agent/onion/hs_ntor.c \
	agent/onion/intro_msg.c \
	agent/onion/introduce.c \
	agent/onion/rend_msg.c \
	agent/onion/dir_request.c \
	agent/onion/http_reply.c
