path_SRCS := \
	agent/path/cbt.c \
	agent/path/cbt_state.c \
	agent/path/guard.c \
	agent/path/guard_circ.c \
	agent/path/guard_params.c \
	agent/path/guard_state.c \
	agent/path/guard_use.c \
	agent/path/path.c \
	agent/path/select.c \
	agent/path/select_table.c \
	agent/path/state_file.c
