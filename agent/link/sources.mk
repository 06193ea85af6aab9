link_SRCS := \
	agent/link/cell.c \
	agent/link/certs.c \
	agent/link/channel.c \
	agent/link/channel_io.c \
	agent/link/channel_pool.c \
	agent/link/channel_timers.c \
	agent/link/link_handshake.c \
	agent/link/netinfo.c \
	agent/link/tls.c \
	agent/link/x509.c
