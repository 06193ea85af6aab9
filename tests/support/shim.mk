# Parts of the shim and the supervisor that are tested on their own.
support_SRCS += shim/policy.c
support_SRCS += shim/elf.c
support_SRCS += shim/filter.c
support_SRCS += shim/records.c
support_SRCS += shim/hold.c
support_SRCS += shim/nameserver.c shim/worker.c
support_SRCS += shim/lookup.c
support_SRCS += shim/agent.c shim/agent_dns.c
support_SRCS += shim/config.c
support_SRCS += shim/epoll_table.c
support_SRCS += shim/hold.c
support_SRCS += shim/origins.c
support_SRCS += shim/book.c shim/tally.c
support_SRCS += shim/say.c shim/serving.c shim/serve_key.c shim/serve_agent.c shim/serve_watch.c shim/launch.c
support_SRCS += shim/ports.c shim/privnet.c shim/privnet_setup.c shim/unreach.c shim/waiters.c
support_SRCS += shim/confine.c shim/copies.c shim/landlock.c
