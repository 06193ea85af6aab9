agent_SRCS := \
	agent/agent.c \
	agent/confine.c \
	agent/daemon.c \
	agent/logs.c \
	agent/main.c \
	agent/sandbox.c
ctl_SRCS := \
	agent/ctl/onionctl.c \
	agent/ctl/show.c
