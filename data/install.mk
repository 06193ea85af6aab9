# What "make install" puts where, and "make uninstall" takes away: MODE:SOURCE:PLACE.
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/onionify
UNITDIR ?= $(PREFIX)/lib/systemd/user
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d

INSTALL_PROGRAMS := \
	755:$(B)/onionctl:$(BINDIR)/onionctl \
	755:$(B)/onionify-agent:$(LIBDIR)/onionify-agent \
	755:$(B)/onionify-run:$(LIBDIR)/onionify-run \
	755:$(B)/onionify-serve:$(LIBDIR)/onionify-serve \
	644:$(B)/libonionify.so:$(LIBDIR)/libonionify.so
# In these the place of the programs is written out.
INSTALL_TEXTS := \
	644:data/man/onionify.1:$(MANDIR)/man1/onionify.1 \
	644:data/man/onionctl.1:$(MANDIR)/man1/onionctl.1 \
	644:data/man/onionify.conf.5:$(MANDIR)/man5/onionify.conf.5 \
	644:data/man/onionify-agent.8:$(MANDIR)/man8/onionify-agent.8 \
	644:data/systemd/user/onionify-agent.socket:$(UNITDIR)/onionify-agent.socket \
	644:data/systemd/user/onionify-agent.service:$(UNITDIR)/onionify-agent.service \
	644:data/autostart/onionify-agent.desktop:$(DATADIR)/onionify/onionify-agent.desktop \
	644:data/completions/onionify.bash:$(BASHDIR)/onionify \
	644:data/completions/onionctl.bash:$(BASHDIR)/onionctl \
	644:data/completions/_onionify:$(ZSHDIR)/_onionify \
	644:data/completions/_onionctl:$(ZSHDIR)/_onionctl \
	644:data/completions/onionify.fish:$(FISHDIR)/onionify.fish \
	644:data/completions/onionctl.fish:$(FISHDIR)/onionctl.fish \
	644:data/onionify.conf.example:$(DOCDIR)/onionify.conf.example \
	644:README.md:$(DOCDIR)/README.md \
	644:CHANGELOG.md:$(DOCDIR)/CHANGELOG.md \
	644:LICENSE:$(DOCDIR)/LICENSE
# TARGET:LINK, as relative links. A shell that only starts the program costs as much as that.
INSTALL_LINKS := $(LIBDIR)/onionify-run:$(BINDIR)/onionify
# Folders of ours alone.
INSTALL_FOLDERS := $(LIBDIR) $(DATADIR)/onionify $(DOCDIR)

.PHONY: install uninstall
install: all
	@set -e; IFS=:; \
	for f in $(INSTALL_PROGRAMS); do \
		set -- $$f; \
		install -D -m $$1 "$$2" "$(DESTDIR)$$3"; \
	done; \
	for f in $(INSTALL_TEXTS); do \
		set -- $$f; \
		install -D -m $$1 "$$2" "$(DESTDIR)$$3"; \
		sed -i 's|/usr/local/lib/onionify|$(LIBDIR)|g' "$(DESTDIR)$$3"; \
	done; \
	for f in $(INSTALL_LINKS); do \
		set -- $$f; \
		ln -srf "$(DESTDIR)$$1" "$(DESTDIR)$$2"; \
	done
uninstall:
	@for f in $(INSTALL_PROGRAMS) $(INSTALL_TEXTS) $(INSTALL_LINKS); do rm -f "$(DESTDIR)$${f##*:}"; done
	@for d in $(INSTALL_FOLDERS); do \
		[ ! -d "$(DESTDIR)$$d" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$d"; \
	done

# build/deb/onionify_*.deb
.PHONY: deb
deb: deps
	@debian/build
	@tests/install deb
