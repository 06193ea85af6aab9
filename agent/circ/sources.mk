circ_SRCS := \
	agent/circ/circ_padding.c \
	agent/circ/circuit.c \
	agent/circ/circuit_build.c \
	agent/circ/circuit_info.c \
	agent/circ/circuit_onion.c \
	agent/circ/circuit_recv.c \
	agent/circ/conflux.c \
	agent/circ/conflux_msg.c \
	agent/circ/conflux_params.c \
	agent/circ/conflux_recv.c \
	agent/circ/conflux_send.c \
	agent/circ/end_reason.c \
	agent/circ/extend.c \
	agent/circ/flow.c \
	agent/circ/hop.c \
	agent/circ/relay_cell.c \
	agent/circ/resolve.c \
	agent/circ/sendme.c \
	agent/circ/stream.c \
	agent/circ/stream_asked.c \
	agent/circ/stream_flow.c \
	agent/circ/stream_msg.c \
	agent/circ/stream_recv.c \
	agent/circ/stream_sched.c \
	agent/circ/stream_table.c
circ_SRCS += \
	agent/circ/handshake.c \
	agent/circ/handshake_ext.c \
	agent/circ/handshake_fast.c \
	agent/circ/handshake_ntor.c \
	agent/circ/handshake_ntor3.c
circ_SRCS += \
	agent/circ/cgo.c \
	agent/circ/relay_crypto.c \
	agent/circ/relay_crypto_far.c \
	agent/circ/relay_crypto_tor1.c
circ_SRCS += \
	agent/circ/cc_params.c \
	agent/circ/cc_vegas.c
