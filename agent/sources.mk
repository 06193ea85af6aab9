agent_SRCS := \
	agent/agent.c \
	agent/daemon.c \
	agent/logs.c \
	agent/main.c
ctl_SRCS := \
	agent/ctl/onionctl.c \
	agent/ctl/show.c
