/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * escape32.c - a 32-bit program that tries to send a packet and to connect
 *
 * Stands on nothing: built with gcc -m32 -nostdlib -static, so that no 32-bit C
 * library is needed. Exit status: how many of the three calls the kernel took.
 */
static int sixth;	/* not on the stack, which moves */

static int call(int nr, int b, int c, int d, int e, int f, int g)
{
	int r;

	sixth = g;
	__asm__ volatile("push %%ebp\n\tmov %[g], %%ebp\n\tint $0x80\n\tpop %%ebp"
			 : "=a"(r)
			 : "a"(nr), "b"(b), "c"(c), "d"(d), "S"(e), "D"(f), [g] "m"(sixth)
			 : "memory");
	return r;
}

struct in_address {
	unsigned short family, port;
	unsigned char addr[4];
	char zero[8];
};

void _start(void);
void _start(void)
{
	/* 100.64.9.9, ports 20201 and 20202 */
	struct in_address a = { 2, 0xe94e, { 100, 64, 9, 9 }, { 0 } };
	int done = 0, args[3] = { 2, 2 | 0x800, 0 };
	int fd = call(359, 2, 2, 0, 0, 0, 0);

	done += fd >= 0 && call(369, fd, (int)&a, 4, 0, (int)&a, sizeof(a)) >= 0;
	a.port = 0xea4e;
	fd = call(359, 2, 1 | 0x800, 0, 0, 0, 0);
	done += fd >= 0 && call(362, fd, (int)&a, sizeof(a), 0, 0, 0) == -115;
	fd = call(102, 1, (int)args, 0, 0, 0, 0);
	done += fd >= 0;
	for (;;)
		(void)call(1, done, 0, 0, 0, 0, 0);
}
