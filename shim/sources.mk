# The preload library: wire, ipc and address code only. No TLS, no event loop.
shim_SRCS := \
	shim/agent.c \
	shim/agent_dns.c \
	shim/config.c \
	shim/elf.c \
	shim/epoll_table.c \
	shim/held.c \
	shim/hook_addrinfo.c \
	shim/hook_bind.c \
	shim/hook_connect.c \
	shim/hook_exec.c \
	shim/hook_hostent.c \
	shim/hook_option.c \
	shim/hook_recv.c \
	shim/hook_resolver.c \
	shim/hook_send.c \
	shim/hook_share.c \
	shim/hook_syscall.c \
	shim/lookup.c \
	shim/options.c \
	shim/owned.c \
	shim/policy.c \
	shim/tunnel.c \
	common/addr.c \
	common/ipc.c \
	common/ipc_reply.c \
	common/socket_path.c \
	common/wire.c
shim_LIBS :=

# onionify-run: what the shell script starts.
run_SRCS := \
	shim/agent.c \
	shim/agent_dns.c \
	shim/arguments.c \
	shim/book.c \
	shim/config.c \
	shim/confine.c \
	shim/copies.c \
	shim/deputies.c \
	shim/door.c \
	shim/door_run.c \
	shim/elf.c \
	shim/filter.c \
	shim/held.c \
	shim/hold.c \
	shim/job.c \
	shim/landlock.c \
	shim/launch.c \
	shim/lookup.c \
	shim/nameserver.c \
	shim/notify.c \
	shim/notify_ask.c \
	shim/notify_mount.c \
	shim/notify_moved.c \
	shim/notify_open.c \
	shim/notify_private.c \
	shim/notify_reach.c \
	shim/notify_recv.c \
	shim/notify_refuse.c \
	shim/notify_send.c \
	shim/notify_view.c \
	shim/origins.c \
	shim/places.c \
	shim/policy.c \
	shim/ports.c \
	shim/privnet.c \
	shim/privnet_setup.c \
	shim/proxyenv.c \
	shim/records.c \
	shim/relay.c \
	shim/run.c \
	shim/say.c \
	shim/serve_start.c \
	shim/serving.c \
	shim/supervisor.c \
	shim/tally.c \
	shim/transplant.c \
	shim/unreach.c \
	shim/waiters.c \
	shim/which.c \
	shim/worker.c
run_LIBS := -lpthread

# onionify-serve: JSON, and QR codes where their library is there.
serve_SRCS := \
	shim/launch.c \
	shim/say.c \
	shim/serve_agent.c \
	shim/serve_key.c \
	shim/serve_main.c \
	shim/serve_qr.c \
	shim/serve_watch.c \
	shim/serving.c
serve_LIBS := $(call pkg,jansson) $(call pkg,libqrencode)
ifneq ($(call pkg,libqrencode),)
$(B)/shim/serve_qr.o: CPPFLAGS += -DHAVE_QRENCODE
endif
