onion_SRCS := \
	agent/onion/hs_ntor.c \
	agent/onion/intro_msg.c \
	agent/onion/introduce.c \
	agent/onion/rend_msg.c
onion_SRCS += \
	agent/onion/client.c \
	agent/onion/client_auth.c \
	agent/onion/client_connect.c \
	agent/onion/client_fetch.c \
	agent/onion/client_map.c \
	agent/onion/client_net.c \
	agent/onion/dir_request.c \
	agent/onion/http_reply.c

# proofs of work
onion_SRCS += \
	agent/onion/equix.c \
	agent/onion/equix_solve.c \
	agent/onion/hashx.c \
	agent/onion/hashx_make.c \
	agent/onion/hashx_plan.c \
	agent/onion/pow.c \
	agent/onion/pow_effort.c \
	agent/onion/pow_pool.c \
	agent/onion/siphash.c
onion_SRCS += \
	agent/onion/auth_file.c \
	agent/onion/desc_build.c \
	agent/onion/desc_crypt.c \
	agent/onion/desc_inner.c \
	agent/onion/desc_middle.c \
	agent/onion/desc_outer.c \
	agent/onion/desc_text.c \
	agent/onion/hs_desc.c \
	agent/onion/hs_keys.c \
	agent/onion/hsdir_ring.c \
	agent/onion/time_period.c
