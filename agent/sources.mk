agent_SRCS := \
	agent/agent.c \
	agent/clockwatch.c \
	agent/confine.c \
	agent/daemon.c \
	agent/logs.c \
	agent/main.c \
	agent/netwatch.c \
	agent/sandbox.c \
	agent/watch.c
ctl_SRCS := \
	agent/ctl/onionctl.c \
	agent/ctl/show.c
