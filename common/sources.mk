common_SRCS := \
	common/addr.c \
	common/codec.c \
	common/crypto_aes.c \
	common/crypto_blind.c \
	common/crypto_blake2.c \
	common/crypto_curve.c \
	common/crypto_hash.c \
	common/crypto_keccak.c \
	common/crypto_polyval.c \
	common/crypto_random.c \
	common/crypto_rsa.c \
	common/deadline.c \
	common/edcert.c \
	common/file.c \
	common/log.c \
	common/loop.c \
	common/onion_address.c \
	common/secret.c \
	common/socket_path.c \
	common/wire.c \
	common/ipc.c \
	common/ipc_reply.c
