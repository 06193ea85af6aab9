# Parts of the agent's process that are tested on their own.
support_SRCS += agent/sandbox.c
