path_SRCS := \
	agent/path/addr_rule.c \
	agent/path/cbt.c \
	agent/path/cbt_state.c \
	agent/path/guard.c \
	agent/path/guard_circ.c \
	agent/path/guard_params.c \
	agent/path/guard_source.c \
	agent/path/guard_state.c \
	agent/path/guard_use.c \
	agent/path/node_set.c \
	agent/path/path.c \
	agent/path/path_onion.c \
	agent/path/rules.c \
	agent/path/select.c \
	agent/path/select_table.c \
	agent/path/state_file.c \
	agent/path/vanguard_state.c \
	agent/path/vanguards.c
