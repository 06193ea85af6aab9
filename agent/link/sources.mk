link_SRCS := \
	agent/link/bridge_line.c \
	agent/link/cell.c \
	agent/link/certs.c \
	agent/link/channel.c \
	agent/link/channel_io.c \
	agent/link/channel_pool.c \
	agent/link/channel_proxy.c \
	agent/link/channel_timers.c \
	agent/link/link_handshake.c \
	agent/link/netinfo.c \
	agent/link/pt.c \
	agent/link/pt_message.c \
	agent/link/pt_output.c \
	agent/link/pt_spawn.c \
	agent/link/socks_client.c \
	agent/link/spawner.c \
	agent/link/spawner_msg.c \
	agent/link/spawner_process.c \
	agent/link/tls.c \
	agent/link/x509.c
