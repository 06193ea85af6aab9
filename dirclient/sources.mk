dirclient_SRCS := \
	dirclient/dir_index.c \
	dirclient/dirclient.c \
	dirclient/dir_store.c \
	dirclient/dir_fetch.c \
	dirclient/dir_cache.c \
	dirclient/dir_schedule.c \
	dirclient/dir_http.c \
	dirclient/consdiff.c \
	dirclient/decompress.c \
	dirclient/authority.c \
	dirclient/builtin.c \
	dirclient/md_pool.c \
	dirclient/microdesc.c \
	dirclient/netdir.c \
	dirclient/netdoc.c \
	dirclient/keycert.c \
	dirclient/protover.c \
	dirclient/routerdesc.c \
	dirclient/consensus.c \
	dirclient/consensus_relay.c \
	dirclient/consensus_verify.c
