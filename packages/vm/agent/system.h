/* SPDX-License-Identifier: MIT */
/*
 * The few system calls and constants that the guest's agent needs, for x86-64 Linux, so that it links without a C
 * library: the host then needs only the compiler that pass 4 needs anyway. Numbers and structures are the kernel's
 * user-space ABI (include/uapi and arch/x86/entry/syscalls/syscall_64.tbl).
 */
#ifndef STAPKIT_AGENT_SYSTEM_H
#define STAPKIT_AGENT_SYSTEM_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;
typedef unsigned long size_t;

#define NULL ((void *)0)

#define EINTR 4
#define EAGAIN 11
#define ENOENT 2
#define EACCES 13
#define ENOTDIR 20
#define EINVAL 22

#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_NONBLOCK 04000
#define O_DIRECTORY 0200000
#define O_CLOEXEC 02000000

#define POLLIN 1
#define POLLOUT 4
#define POLLERR 8
#define POLLHUP 16

#define EPOLLIN 1u
#define EPOLLOUT 4u
#define EPOLLHUP 16u
#define EPOLLET (1u << 31)

#define SIGKILL 9
#define SIGTERM 15
#define SIGCHLD 17

#define WNOHANG 1
#define MS_RDONLY 1
#define MS_BIND 4096
#define MS_MOVE 8192
#define CLOCK_MONOTONIC 1
#define F_SETPIPE_SZ 1031
#define REBOOT_POWER_OFF 0x4321fedcu

struct pollfd {
	int fd;
	short events, revents;
};

struct epoll_event {
	u32 events;
	u64 data;
} __attribute__((packed));

struct timespec {
	i64 sec, nsec;
};

struct dirent64 {
	u64 ino;
	i64 off;
	u16 length;
	u8 type;
	char name[];
};

static inline i64 syscall6(i64 number, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f)
{
	i64 result;
	register i64 r10 __asm__("r10") = d;
	register i64 r8 __asm__("r8") = e;
	register i64 r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define sys0(n) syscall6(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a) syscall6(n, (i64)(a), 0, 0, 0, 0, 0)
#define sys2(n, a, b) syscall6(n, (i64)(a), (i64)(b), 0, 0, 0, 0)
#define sys3(n, a, b, c) syscall6(n, (i64)(a), (i64)(b), (i64)(c), 0, 0, 0)
#define sys4(n, a, b, c, d) syscall6(n, (i64)(a), (i64)(b), (i64)(c), (i64)(d), 0, 0)
#define sys5(n, a, b, c, d, e) syscall6(n, (i64)(a), (i64)(b), (i64)(c), (i64)(d), (i64)(e), 0)

/* Each returns what the kernel returns: a value, or a negative errno. */
static inline i64 read(int fd, void *buffer, size_t n) { return sys3(0, fd, buffer, n); }
static inline i64 write(int fd, const void *buffer, size_t n) { return sys3(1, fd, buffer, n); }
static inline int open(const char *path, int flags, int mode) { return (int)sys3(2, path, flags, mode); }
static inline int close(int fd) { return (int)sys1(3, fd); }
static inline int poll(struct pollfd *fds, u32 n, int ms) { return (int)sys3(7, fds, n, ms); }
static inline int sigprocmask(int how, const u64 *set) { return (int)sys4(14, how, set, NULL, 8); }
static inline int ioctl(int fd, u64 request, void *argument) { return (int)sys3(16, fd, request, argument); }
static inline int dup2(int from, int to) { return (int)sys2(33, from, to); }
static inline int nanosleep(const struct timespec *t) { return (int)sys2(35, t, NULL); }
static inline int getpid(void) { return (int)sys0(39); }
static inline int socket(int domain, int type, int protocol) { return (int)sys3(41, domain, type, protocol); }
static inline int fork(void) { return (int)sys0(57); }
static inline int execve(const char *path, char *const *argv, char *const *env) { return (int)sys3(59, path, argv, env); }
static inline int waitpid(int pid, int *status, int flags) { return (int)sys4(61, pid, status, flags, NULL); }
static inline int kill(int pid, int signal) { return (int)sys2(62, pid, signal); }
static inline int fcntl(int fd, int command, i64 argument) { return (int)sys3(72, fd, command, argument); }
static inline int chdir(const char *path) { return (int)sys1(80, path); }
static inline int rename(const char *from, const char *to) { return (int)sys2(82, from, to); }
static inline int mkdir(const char *path, int mode) { return (int)sys2(83, path, mode); }
static inline int rmdir(const char *path) { return (int)sys1(84, path); }
static inline int unlink(const char *path) { return (int)sys1(87, path); }
static inline int symlink(const char *target, const char *path) { return (int)sys2(88, target, path); }
static inline int chmod(const char *path, int mode) { return (int)sys2(90, path, mode); }
static inline int setsid(void) { return (int)sys0(112); }
static inline int setpriority(int nice) { return (int)sys3(141, 0, 0, nice); }
static inline int setpriority_of(int pid, int nice) { return (int)sys3(141, 0, pid, nice); }
static inline int chroot(const char *path) { return (int)sys1(161, path); }
static inline int sync(void) { return (int)sys0(162); }
static inline int mount(const char *source, const char *target, const char *type, u64 flags, const char *options)
{
	return (int)sys5(165, source, target, type, flags, options);
}
static inline int reboot(u32 command) { return (int)sys4(169, 0xfee1dead, 672274793, command, NULL); }
static inline int sethostname(const char *name, size_t n) { return (int)sys2(170, name, n); }
static inline int delete_module(const char *name, u32 flags) { return (int)sys2(176, name, flags); }
static inline i64 getdents(int fd, void *buffer, size_t n) { return sys3(217, fd, buffer, n); }
static inline int clock_gettime(int clock, struct timespec *t) { return (int)sys2(228, clock, t); }
static inline void exit_now(int status)
{
	for (;;)
		sys1(231, status);
}
static inline int epoll_wait(int fd, struct epoll_event *events, int n, int ms)
{
	return (int)sys4(232, fd, events, n, ms);
}
static inline int epoll_add(int epoll, int fd, struct epoll_event *event)
{
	return (int)sys4(233, epoll, 1, fd, event);
}
static inline int signalfd(const u64 *set) { return (int)sys4(289, -1, set, 8, O_CLOEXEC | O_NONBLOCK); }
static inline int epoll_create(void) { return (int)sys1(291, O_CLOEXEC); }
static inline int pipe2(int *fds, int flags) { return (int)sys2(293, fds, flags); }
static inline int finit_module(int fd, const char *parameters, int flags) { return (int)sys3(313, fd, parameters, flags); }

/* The compiler may call these four by itself. */
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
