agent_SRCS := \
	agent/agent.c \
	agent/clockwatch.c \
	agent/confine.c \
	agent/daemon.c \
	agent/logs.c \
	agent/main.c \
	agent/netwatch.c \
	agent/sandbox.c \
	agent/sandbox_programs.c \
	agent/watch.c
ctl_SRCS := \
	agent/ctl/ask.c \
	agent/ctl/ctl_format.c \
	agent/ctl/doctor.c \
	agent/ctl/doctor_agent.c \
	agent/ctl/doctor_local.c \
	agent/ctl/key_input.c \
	agent/ctl/onionctl.c \
	agent/ctl/service.c \
	agent/ctl/show.c \
	agent/ctl/top.c \
	agent/ctl/top_ask.c \
	agent/ctl/top_draw.c
