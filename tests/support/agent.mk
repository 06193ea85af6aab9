# Parts of the agent's process that are tested on their own.
support_SRCS += agent/clockwatch.c agent/daemon.c agent/logs.c agent/netwatch.c agent/sandbox.c agent/sandbox_programs.c
