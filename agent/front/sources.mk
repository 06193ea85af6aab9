front_SRCS := \
	agent/config.c \
	agent/config_table.c \
	agent/front/attach.c \
	agent/front/control.c \
	agent/front/control_json.c \
	agent/front/dest.c \
	agent/front/dirlink.c \
	agent/front/dns_msg.c \
	agent/front/domain.c \
	agent/front/front.c \
	agent/front/handles.c \
	agent/front/http_msg.c \
	agent/front/lookup.c \
	agent/front/names.c \
	agent/front/open.c \
	agent/front/outbuf.c \
	agent/front/pipe.c \
	agent/front/pipe_pump.c \
	agent/front/pool.c \
	agent/front/pool_pick.c \
	agent/front/pool_tick.c \
	agent/front/progress.c \
	agent/front/session.c \
	agent/front/socks_msg.c \
	agent/front/tell.c
