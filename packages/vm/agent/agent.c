// SPDX-License-Identifier: MIT
/*
 * The guest's agent: process 1 of the guest, from the initramfs on. It loads the few modules that reach the host's
 * files, makes the host's root the guest's root under a memory overlay, and then serves clients: each virtio-serial
 * port carries one client, each client runs any number of processes, and what a client had running ends when the
 * client goes away.
 *
 * Why C and not JavaScript: Node takes 4.5 s to start on a cold guest and this takes none, so a plain command runs as
 * soon as the kernel is up, while Node is being warmed in the background for the scripts that need it.
 *
 * The protocol is described in src/frames.ts; numbers here and there must agree. The agent is a multi-call program:
 * linked as insmod, rmmod, put, get or kmsg it does what the name says, and with --tsc-khz it measures the host's clock.
 */
#include "system.h"

enum {
	PROTOCOL = 1,
	MAX_PORTS = 16,
	MAX_PROCESSES = 128,
	HEADER = 12,
	MAX_PAYLOAD = 64 * 1024,	/* of stream data, and of what the agent sends */
	MAX_REQUEST = 512 * 1024,	/* of an exec or run request: argv and environment */
	OUT_SIZE = 256 * 1024,
	STDIN_SIZE = 64 * 1024,
	WINDOW = 256 * 1024,		/* output a process may send before the client grants more */
	GRACE_MS = 2000,		/* between SIGTERM and SIGKILL when a client has gone */
	LEASH_MS = 20000,		/* an owner that has not come by then never will */
	GONE_MS = 300,
	TICK_MS = 1000,
	MAX_WORDS = 8192,
};

/* Frames from the host. */
enum { HELLO = 1, EXEC = 2, INPUT = 3, CREDIT = 4, SIGNAL = 5, RUN = 6, POWEROFF = 7, PING = 8 };
/* Frames to the host. */
enum { WELCOME = 1, STARTED = 2, OUTPUT = 3, EXITED = 4, TAKEN = 5, FAILED = 6, PONG = 7 };

static const u8 hello_magic[8] = {'s', 't', 'a', 'p', 'k', 'i', 't', 1};

enum { FLAG_FRESH = 1, FLAG_GROUP = 1 };

struct port {
	int fd;
	int connected;
	u8 nonce[16];		/* of the client that is connected */
	i64 gone_since;		/* the port seems to have no host, or 0 */
	u8 *in;			/* HEADER + MAX_REQUEST bytes */
	u32 in_length;
	u8 *out;
	u32 out_start, out_length;
};

struct process {
	int used;
	int port;		/* -1: the spare, or what a client left behind when it went */
	u32 id;
	int pid;
	u32 group;		/* number of its cgroup */
	int in, out[2];		/* -1 once closed */
	int request;		/* the spare's pipe */
	u32 credit[2];
	u8 *input;
	u32 input_start, input_length;
	int input_ended;
	int exited, status;
	i64 kill_at;		/* when SIGKILL follows, or 0 */
};

static struct port ports[MAX_PORTS];
static int port_count;
static int port_events;		/* an epoll descriptor, edge-triggered: a port without a host is "hung up" all the time */
static u8 out_buffers[MAX_PORTS][OUT_SIZE];
static u8 in_buffers[MAX_PORTS][HEADER + MAX_REQUEST];
static struct process processes[MAX_PROCESSES];
static u8 input_buffers[MAX_PROCESSES][STDIN_SIZE];
static struct process *spare;
static u32 next_group = 1;
static int children;		/* signalfd for SIGCHLD */

static char configuration[16 * 1024];
static i64 idle_ms, idle_since;
static int leash, leash_seen;
static i64 started_at;
static char *spare_argv[32];

/* ---- small helpers ---- */

void *memcpy(void *to, const void *from, size_t n)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *t = to;
	const u8 *f = from;

	if (t <= f || t >= f + n)
		return memcpy(to, from, n);
	while (n--)
		t[n] = f[n];
	return to;
}

void *memset(void *to, int value, size_t n)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static int starts(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return 0;
	return 1;
}

/* Joins up to four texts; what does not fit is cut. */
static char *join(char *to, size_t size, const char *a, const char *b, const char *c, const char *d)
{
	const char *parts[] = {a, b, c, d};
	size_t n = 0;

	for (int i = 0; i < 4; i++)
		for (const char *p = parts[i]; p && *p && n + 1 < size; p++)
			to[n++] = *p;
	to[n] = 0;
	return to;
}

static char *number_text(char *end, u64 value)
{
	*--end = 0;
	do
		*--end = (char)('0' + value % 10);
	while (value /= 10);
	return end;
}

static u64 parse_number(const char *text)
{
	u64 value = 0;

	while (*text >= '0' && *text <= '9')
		value = value * 10 + (u64)(*text++ - '0');
	return value;
}

static void say_to(int fd, const char *a, const char *b, const char *c)
{
	char line[512];

	join(line, sizeof(line) - 1, a, b, c, "\n");
	write(fd, line, length(line));
}

static void say_error(const char *what, const char *which, i64 error)
{
	char digits[24], line[400];

	join(line, sizeof(line), "stapkit-agent: ", what, " ", which);
	say_to(2, line, ": errno ", number_text(digits + sizeof(digits), (u64)-error));
}

static i64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.sec * 1000 + t.nsec / 1000000;
}

static void sleep_ms(int ms)
{
	struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

	nanosleep(&t);
}

static i64 read_file(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC, 0);
	i64 n, total = 0;

	if (fd < 0)
		return fd;
	while (total < (i64)size - 1 && (n = read(fd, buffer + total, size - 1 - (size_t)total)) > 0)
		total += n;
	close(fd);
	buffer[total] = 0;
	return total;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC, 0);
	i64 n;

	if (fd < 0)
		return fd;
	n = write(fd, text, length(text));
	close(fd);
	return n < 0 ? (int)n : 0;
}

static i64 copy_all(int from, int to)
{
	static u8 buffer[128 * 1024];
	i64 n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		for (i64 done = 0, w; done < n; done += w)
			if ((w = write(to, buffer + done, (size_t)(n - done))) < 0)
				return w;
	return n;
}

static u32 get32(const u8 *p)
{
	return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static void put32(u8 *p, u32 value)
{
	p[0] = (u8)value;
	p[1] = (u8)(value >> 8);
	p[2] = (u8)(value >> 16);
	p[3] = (u8)(value >> 24);
}

/* The value of `key=value` in the configuration, the @nth of that key, or NULL. Lines end in NUL by then. */
static const char *setting(const char *key, int nth)
{
	size_t n = length(key);

	for (const char *line = configuration; *line; line += length(line) + 1)
		if (starts(line, key) && line[n] == '=' && nth-- == 0)
			return line + n + 1;
	return NULL;
}

static void __attribute__((noreturn)) power_off(void)
{
	sync();
	reboot(REBOOT_POWER_OFF);
	write_file("/proc/sysrq-trigger", "o");
	for (;;)
		sleep_ms(1000);
}

static void __attribute__((noreturn)) give_up(const char *what, const char *which, i64 error)
{
	say_error(what, which, error);
	say_to(2, "stapkit-agent: the guest can't go on", NULL, NULL);
	power_off();
}

/* ---- from initramfs to the host's root ---- */

static void mount_or_warn(const char *source, const char *target, const char *type, u64 flags, const char *options)
{
	int error = mount(source, target, type, flags, options);

	if (error < 0)
		say_error("mounting", target, error);
}

static void load_modules(void)
{
	static char order[8192];
	char path[256];

	if (read_file("/m/order", order, sizeof(order)) < 0)
		return;
	for (char *line = order; *line;) {
		char *end = line;
		int fd;
		i64 error;

		while (*end && *end != '\n')
			end++;
		if (*end)
			*end++ = 0;
		fd = open(join(path, sizeof(path), "/m/", line, NULL, NULL), O_RDONLY | O_CLOEXEC, 0);
		error = fd < 0 ? fd : finit_module(fd, "", 0);
		if (error < 0 && error != -17 /* EEXIST: built in, or asked for by another */)
			say_error("loading", line, error);
		close(fd);
		line = end;
	}
}

static void bring_up_loopback(void)
{
	struct {
		char name[16];
		short flags;
		char rest[22];
	} request = {.name = "lo", .flags = 1 /* IFF_UP */};
	int fd = socket(2, 2, 0);

	if (fd < 0)
		return;
	ioctl(fd, 0x8914 /* SIOCSIFFLAGS */, &request);
	close(fd);
}

#define NINE_P "trans=virtio,version=9p2000.L,msize=512000"

static void make_root(void)
{
	static u8 entries[8192];
	char tag[32], path[512], target[4096], link[4096], release[128];
	const char *value;
	i64 n;
	int error, fd;

	mkdir("/ro", 0755);
	mkdir("/rw", 0755);
	mkdir("/new", 0755);
	error = mount("host", "/ro", "9p", MS_RDONLY, NINE_P ",cache=mmap");
	if (error < 0)
		give_up("mounting", "the host's root", error);
	error = mount("tmpfs", "/rw", "tmpfs", 0, "size=75%");
	if (error < 0)
		give_up("mounting", "tmpfs", error);
	mkdir("/rw/upper", 0755);
	mkdir("/rw/work", 0755);
	error = mount("overlay", "/new", "overlay", 0, "lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work");
	if (error < 0)
		give_up("mounting", "the overlay", error);

	mkdir("/new/proc", 0755);
	mkdir("/new/sys", 0755);
	mkdir("/new/dev", 0755);
	mkdir("/new/run", 0755);
	mkdir("/new/root", 0700);
	mount_or_warn("proc", "/new/proc", "proc", 0, NULL);
	mount_or_warn("sysfs", "/new/sys", "sysfs", 0, NULL);
	mount_or_warn("devtmpfs", "/new/dev", "devtmpfs", 0, NULL);
	mkdir("/new/dev/pts", 0755);
	mkdir("/new/dev/shm", 01777);
	mount_or_warn("devpts", "/new/dev/pts", "devpts", 0, "mode=620,ptmxmode=666");
	mount_or_warn("tmpfs", "/new/dev/shm", "tmpfs", 0, "mode=1777");
	mount_or_warn("tmpfs", "/new/run", "tmpfs", 0, "mode=755");
	mount("debugfs", "/new/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tracefs", "/new/sys/kernel/tracing", "tracefs", 0, NULL);
	mount("securityfs", "/new/sys/kernel/security", "securityfs", 0, NULL);
	mount_or_warn("cgroup2", "/new/sys/fs/cgroup", "cgroup2", 0, NULL);
	symlink("/proc/self/fd", "/new/dev/fd");
	symlink("/proc/self/fd/0", "/new/dev/stdin");
	symlink("/proc/self/fd/1", "/new/dev/stdout");
	symlink("/proc/self/fd/2", "/new/dev/stderr");

	/* The kernel's own modules, where the host does not have them installed. */
	value = setting("modules", 0);
	if (value) {
		n = read_file("/proc/sys/kernel/osrelease", release, sizeof(release));
		if (n > 0 && release[n - 1] == '\n')
			release[n - 1] = 0;
		mkdir("/new/lib/modules", 0755);
		join(path, sizeof(path), "/new/lib/modules/", release, NULL, NULL);
		mkdir(path, 0755);
		join(link, sizeof(link), "/ro", value, NULL, NULL);
		fd = open(link, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		if (fd < 0)
			say_error("reading", value, fd);

		/* Links rather than a mount over the folder, which also holds the headers' `build`. */
		while (fd >= 0 && (n = getdents(fd, entries, sizeof(entries))) > 0)
			for (i64 at = 0; at < n;) {
				struct dirent64 *entry = (struct dirent64 *)(entries + at);

				at += entry->length;
				if (same(entry->name, ".") || same(entry->name, "..") || same(entry->name, "build") ||
				    same(entry->name, "source"))
					continue;
				join(target, sizeof(target), value, "/", entry->name, NULL);
				symlink(target, join(link, sizeof(link), path, "/", entry->name, NULL));
			}
		if (fd >= 0)
			close(fd);
	}

	/* Folders of the host that may be written to. */
	for (int i = 0; (value = setting("share", i)); i++) {
		char digits[24];

		join(tag, sizeof(tag), "share", number_text(digits + sizeof(digits), (u64)i), NULL, NULL);
		error = mount(tag, join(path, sizeof(path), "/new", value, NULL, NULL), "9p", 0, NINE_P ",cache=mmap");
		if (error < 0)
			say_error("mounting", value, error);
	}
}

/* Leaves a copy of this program where the guest's processes find it, under the names it answers to. */
static void install_tools(int self)
{
	static const char *const names[] = {"put", "get", "kmsg", NULL};
	static const char *const fallbacks[] = {"insmod", "rmmod", NULL};
	static const char *const more[] = {"lsmod", "modprobe", "modinfo", "depmod", NULL};
	char path[128];
	int fd;

	mkdir("/run/stapkit", 0755);
	fd = open("/run/stapkit/agent", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	if (fd < 0 || copy_all(self, fd) < 0)
		say_error("writing", "/run/stapkit/agent", fd);
	close(fd);
	for (int i = 0; names[i]; i++)
		symlink("agent", join(path, sizeof(path), "/run/stapkit/", names[i], NULL, NULL));
	/* A host that loads no modules may lack kmod. symlink() leaves an existing file alone. */
	for (int i = 0; fallbacks[i]; i++)
		symlink("/run/stapkit/agent", join(path, sizeof(path), "/sbin/", fallbacks[i], NULL, NULL));
	for (int i = 0; more[i]; i++) {
		fd = open("/bin/busybox", O_RDONLY | O_CLOEXEC, 0);
		if (fd < 0)
			break;
		close(fd);
		symlink("/bin/busybox", join(path, sizeof(path), "/sbin/", more[i], NULL, NULL));
	}
}

static void boot(void)
{
	const char *name;
	int self;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	{
		int console = open("/dev/console", O_RDWR, 0);

		for (int fd = 0; console >= 0 && fd < 3; fd++)
			if (console != fd)
				dup2(console, fd);
		if (console > 2)
			close(console);
	}
	read_file("/stapkit.conf", configuration, sizeof(configuration) - 1);
	for (char *p = configuration; *p; p++)
		if (*p == '\n')
			*p = 0;
	load_modules();
	make_root();
	self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
	chdir("/new");
	mount(".", "/", NULL, MS_MOVE, NULL);
	chroot(".");
	chdir("/");
	install_tools(self);
	close(self);
	name = setting("hostname", 0);
	if (name)
		sethostname(name, length(name));
	bring_up_loopback();
	/* So that the spare, while it boots, leaves the processors to what is already running. */
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpu");
	write_file("/proc/self/oom_score_adj", "-1000");
}

/* ---- sending ---- */

static void flush(struct port *port)
{
	while (port->out_length) {
		u32 n = OUT_SIZE - port->out_start;
		i64 done;

		if (n > port->out_length)
			n = port->out_length;
		if (n > 32768) /* the driver's largest buffer */
			n = 32768;
		done = write(port->fd, port->out + port->out_start, n);
		if (done <= 0)
			return;
		port->out_start = (port->out_start + (u32)done) % OUT_SIZE;
		port->out_length -= (u32)done;
	}
}

static void append(struct port *port, const void *data, u32 n)
{
	u32 end = (port->out_start + port->out_length) % OUT_SIZE, first = OUT_SIZE - end;

	if (first > n)
		first = n;
	memcpy(port->out + end, data, first);
	memcpy(port->out, (const u8 *)data + first, n - first);
	port->out_length += n;
}

/*
 * Control frames are small and come one an event; output leaves a reserve for them (see room_for_output), so there is
 * always room. A client that floods the agent with requests and never reads loses its connection.
 */
static void forget_client(int index);

static void send(int index, u8 type, u8 flags, u32 id, const void *payload, u32 n)
{
	struct port *port = &ports[index];
	u8 header[HEADER] = {0};

	if (!port->connected)
		return;
	if (port->out_length + HEADER + n > OUT_SIZE) {
		forget_client(index);
		return;
	}
	put32(header, n);
	header[4] = type;
	header[5] = flags;
	put32(header + 8, id);
	append(port, header, HEADER);
	if (n)
		append(port, payload, n);
}

static int room_for_output(const struct port *port)
{
	return OUT_SIZE - port->out_length >= 2 * (HEADER + MAX_PAYLOAD);
}

static void send_failure(int index, u32 id, i64 error, const char *what)
{
	u8 payload[512];
	size_t n = length(what);

	if (n > sizeof(payload) - 4)
		n = sizeof(payload) - 4;
	put32(payload, (u32)-error);
	memcpy(payload + 4, what, n);
	send(index, FAILED, 0, id, payload, (u32)(4 + n));
}

/* ---- processes ---- */

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static char *group_path(char *to, size_t size, u32 group, const char *file)
{
	char digits[24];

	return join(to, size, "/sys/fs/cgroup/stapkit-", number_text(digits + sizeof(digits), group), file, NULL);
}

static void release(struct process *process)
{
	char path[96];

	close_end(&process->in);
	close_end(&process->out[0]);
	close_end(&process->out[1]);
	close_end(&process->request);
	/* Fails where the process has left others behind on purpose; they keep their group. */
	rmdir(group_path(path, sizeof(path), process->group, ""));
	if (process == spare)
		spare = NULL;
	process->used = 0;
}

/* Sends a signal to a process and all that came from it, also what made a session of its own. */
static void signal_group(struct process *process, int signal)
{
	static char list[65536];
	char path[96];

	if (signal == SIGKILL && write_file(group_path(path, sizeof(path), process->group, "/cgroup.kill"), "1") == 0)
		return;
	/* Before 5.14 there is no cgroup.kill, and no other signal can be sent to a group at once. */
	if (read_file(group_path(path, sizeof(path), process->group, "/cgroup.procs"), list, sizeof(list)) > 0)
		for (char *p = list; *p;) {
			kill((int)parse_number(p), signal);
			while (*p && *p++ != '\n')
				;
		}
	else if (!process->exited)
		kill(-process->pid, signal);
}

static struct process *find_process(int index, u32 id)
{
	for (int i = 0; i < MAX_PROCESSES; i++)
		if (processes[i].used && processes[i].port == index && processes[i].id == id)
			return &processes[i];
	return NULL;
}

static i64 execute(const char *const *argv, const char *const *env)
{
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	i64 error = -ENOENT;
	char file[4096];

	for (const char *p = argv[0]; *p; p++)
		if (*p == '/')
			return execve(argv[0], (char *const *)argv, (char *const *)env);
	for (int i = 0; env[i]; i++)
		if (starts(env[i], "PATH="))
			path = env[i] + 5;
	while (*path) {
		size_t n = 0;
		i64 result;

		while (*path && *path != ':' && n < 2048)
			file[n++] = *path++;
		while (*path == ':')
			path++;
		file[n++] = '/';
		for (const char *p = argv[0]; *p && n < sizeof(file) - 1; p++)
			file[n++] = *p;
		file[n] = 0;
		result = execve(file, (char *const *)argv, (char *const *)env);
		if (result != -ENOENT && result != -ENOTDIR)
			error = result;
	}
	return error;
}

/* Forks a child that is born in a cgroup: moving it there afterwards takes an RCU grace period, 40 ms and more. */
static int fork_into(const char *group)
{
	int fd = open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), pid;
	u64 arguments[11] = {[0] = 0x200000000ul /* CLONE_INTO_CGROUP */, [4] = SIGCHLD, [10] = (u64)fd};

	if (fd < 0)
		return fork();
	pid = (int)sys2(435 /* clone3 */, arguments, sizeof(arguments));
	close(fd);
	return pid;
}

/*
 * Starts a process with pipes, in a session and a cgroup of its own. Returns it, or NULL with the errno in @error and
 * what failed in @what.
 */
static struct process *spawn(const char *const *argv, const char *const *env, const char *cwd, int with_request,
			     i64 *error, const char **what)
{
	struct process *process = NULL;
	int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, request[2] = {-1, -1}, status[2] = {-1, -1};
	char path[96];
	i64 report[2];
	int slot, pid;

	for (slot = 0; slot < MAX_PROCESSES && process == NULL; slot++)
		if (!processes[slot].used)
			process = &processes[slot];
	*what = "starting a process";
	*error = -EAGAIN;
	if (!process)
		return NULL;
	if ((*error = pipe2(in, O_CLOEXEC)) < 0 || (*error = pipe2(out, O_CLOEXEC)) < 0 ||
	    (*error = pipe2(err, O_CLOEXEC)) < 0 || (*error = pipe2(status, O_CLOEXEC)) < 0 ||
	    (with_request && (*error = pipe2(request, O_CLOEXEC)) < 0))
		goto undo;
	memset(process, 0, sizeof(*process));
	process->group = next_group++;
	mkdir(group_path(path, sizeof(path), process->group, ""), 0755);
	pid = fork_into(path);
	if (pid < 0) {
		*error = pid;
		goto undo;
	}
	if (pid == 0) {
		u64 none = 0;

		setsid();
		write_file("/proc/self/oom_score_adj", "0");
		setpriority(0);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		if (with_request)
			dup2(request[0], 3);
		sigprocmask(2 /* SIG_SETMASK */, &none);
		report[0] = chdir(cwd);
		report[1] = 0;
		if (report[0] == 0) {
			report[1] = 1;
			report[0] = execute(argv, env);
		}
		write(status[1], report, sizeof(report));
		exit_now(127);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(status[1]);
	if (with_request)
		close(request[0]);
	in[0] = out[1] = err[1] = status[1] = request[0] = -1;
	if (read(status[0], report, sizeof(report)) == sizeof(report)) {
		int ignored;

		*error = report[0];
		*what = report[1] ? argv[0] : cwd;
		waitpid(pid, &ignored, 0);
		rmdir(group_path(path, sizeof(path), process->group, ""));
		goto undo;
	}
	close(status[0]);
	process->used = 1;
	process->port = -1;
	process->pid = pid;
	process->in = in[1];
	process->out[0] = out[0];
	process->out[1] = err[0];
	process->request = request[1];
	process->credit[0] = process->credit[1] = WINDOW;
	process->input = input_buffers[process - processes];
	fcntl(in[1], 4 /* F_SETFL */, O_NONBLOCK);
	fcntl(out[0], 4, O_NONBLOCK);
	fcntl(err[0], 4, O_NONBLOCK);
	return process;
undo:
	for (int i = 0; i < 2; i++) {
		close_end(&in[i]);
		close_end(&out[i]);
		close_end(&err[i]);
		close_end(&request[i]);
		close_end(&status[i]);
	}
	return NULL;
}

static const char *const plain_environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", NULL,
};

/* How much of the processors a process and its threads get against others: 100 is the ordinary share. */
static void set_weight(const struct process *process, const char *weight)
{
	char path[96];

	write_file(group_path(path, sizeof(path), process->group, "/cpu.weight"), weight);
}

/*
 * Keeps one Node process booted and waiting for a script, so that a script does not wait for Node. It boots in what
 * time the script before it leaves.
 */
static void start_spare(void)
{
	const char *what;
	i64 error;

	if (spare || !spare_argv[0])
		return;
	spare = spawn((const char *const *)spare_argv, plain_environment, "/", 1, &error, &what);
	if (!spare) {
		say_error("starting", what, error);
		spare_argv[0] = NULL; /* not again and again */
		return;
	}
	fcntl(spare->request, F_SETPIPE_SZ, 2 * MAX_REQUEST);
	set_weight(spare, "1");
}

static void adopt(struct process *process, int index, u32 id)
{
	u8 payload[4];

	process->port = index;
	process->id = id;
	put32(payload, (u32)process->pid);
	send(index, STARTED, 0, id, payload, sizeof(payload));
}

static void write_input(struct process *process)
{
	u32 taken = 0;
	u8 payload[4];

	while (process->in >= 0 && process->input_length) {
		u32 n = STDIN_SIZE - process->input_start;
		i64 done;

		if (n > process->input_length)
			n = process->input_length;
		done = write(process->in, process->input + process->input_start, n);
		if (done == -EAGAIN)
			break;
		if (done < 0) { /* the process has closed its input: what comes is dropped, as a shell's pipe would */
			close_end(&process->in);
			taken += process->input_length;
			process->input_length = 0;
			break;
		}
		process->input_start = (process->input_start + (u32)done) % STDIN_SIZE;
		process->input_length -= (u32)done;
		taken += (u32)done;
	}
	if (process->input_ended && !process->input_length)
		close_end(&process->in);
	if (taken && process->port >= 0) {
		put32(payload, taken);
		send(process->port, TAKEN, 0, process->id, payload, sizeof(payload));
	}
}

/* Sends what a process has written, as far as its credit and the port's buffer go. Returns 0 when nothing is left. */
static int read_output(struct process *process, int stream)
{
	static u8 buffer[MAX_PAYLOAD];

	while (process->out[stream] >= 0) {
		u32 room = MAX_PAYLOAD;
		i64 n;

		if (process->port >= 0) {
			if (!process->credit[stream] || !room_for_output(&ports[process->port]))
				return 1;
			if (room > process->credit[stream])
				room = process->credit[stream];
		}
		n = read(process->out[stream], buffer, room);
		if (n == -EAGAIN || n == -EINTR)
			return 0;
		if (n <= 0) {
			close_end(&process->out[stream]);
			return 0;
		}
		if (process->port < 0)
			continue; /* nobody listens any more */
		process->credit[stream] -= (u32)n;
		send(process->port, OUTPUT, (u8)(stream + 1), process->id, buffer, (u32)n);
		if (process->port < 0)
			return 0;
		flush(&ports[process->port]);
	}
	return 0;
}

/* A process has ended and what it wrote is sent: its client is told. */
static void settle(struct process *process)
{
	u8 payload[8];

	if (!process->used || !process->exited || process == spare)
		return;
	if (process->port >= 0 && (read_output(process, 0) || read_output(process, 1)))
		return;
	if (process->port >= 0) {
		put32(payload, process->status & 0x7f ? 0xffffffffu : (u32)(process->status >> 8 & 0xff));
		put32(payload + 4, (u32)(process->status & 0x7f));
		send(process->port, EXITED, 0, process->id, payload, sizeof(payload));
	}
	if (process->port >= 0)
		flush(&ports[process->port]);
	if (process->kill_at) /* its client has gone: what the process left behind goes as well, at its time */
		return;
	release(process);
}

static void reap(void)
{
	u8 discard[1024];
	int status, pid;

	while (read(children, discard, sizeof(discard)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < MAX_PROCESSES; i++) {
			struct process *process = &processes[i];

			if (!process->used || process->pid != pid || process->exited)
				continue;
			process->exited = 1;
			process->status = status;
			if (process == spare) {
				say_to(2, "stapkit-agent: the spare node process has ended", NULL, NULL);
				copy_all(process->out[1], 2);
				release(process);
				spare_argv[0] = NULL;
			} else {
				settle(process);
			}
		}
}

/* Ends all that a client had running: politely first, for good after GRACE_MS. */
static void forget_client(int index)
{
	struct port *port = &ports[index];

	if (!port->connected)
		return;
	port->connected = 0;
	port->gone_since = 0;
	port->in_length = 0;
	port->out_length = 0;
	for (int i = 0; i < MAX_PROCESSES; i++) {
		struct process *process = &processes[i];

		if (!process->used || process->port != index)
			continue;
		process->port = -1;
		close_end(&process->in);
		signal_group(process, SIGTERM);
		process->kill_at = now_ms() + GRACE_MS;
	}
	idle_since = now_ms();
	if (leash && index == 0)
		power_off();
}

static void finish_killing(i64 now)
{
	for (int i = 0; i < MAX_PROCESSES; i++) {
		struct process *process = &processes[i];
		char path[96], list[64];

		if (!process->used || !process->kill_at)
			continue;
		if (process->exited &&
		    read_file(group_path(path, sizeof(path), process->group, "/cgroup.procs"), list, sizeof(list)) <= 0) {
			release(process);
		} else if (now >= process->kill_at) {
			signal_group(process, SIGKILL);
			process->kill_at = now + 200;
		}
	}
}

/* ---- requests ---- */

/* Reads `argc envc cwd argv… env…`; returns 0 where it is malformed. */
static int parse_command(u8 *payload, u32 n, const char **cwd, const char ***argv, const char ***env)
{
	static const char *words[MAX_WORDS];
	u32 argc, envc, at = 8, word = 0;

	if (n < 10 || payload[n - 1] != 0)
		return 0;
	argc = get32(payload);
	envc = get32(payload + 4);
	if (argc < 1 || argc > MAX_WORDS || envc > MAX_WORDS || argc + envc + 2 > MAX_WORDS)
		return 0;
	*cwd = (const char *)payload + at;
	at += (u32)length(*cwd) + 1;
	*argv = &words[0];
	*env = &words[argc + 1];
	for (u32 i = 0; i < argc + envc; i++) {
		if (at >= n)
			return 0;
		if (i == argc)
			words[word++] = NULL;
		words[word++] = (const char *)payload + at;
		at += (u32)length((const char *)payload + at) + 1;
	}
	if (envc == 0)
		words[word++] = NULL;
	words[word] = NULL;
	return 1;
}

/* Overlay and 9p remember names they did not find; the host may have made the file since. */
static void forget_names(void)
{
	write_file("/proc/sys/vm/drop_caches", "2");
}

static void handle(int index, u8 type, u8 flags, u32 id, u8 *payload, u32 n)
{
	struct port *port = &ports[index];
	struct process *process;
	const char *cwd, **argv, **env, *what;
	i64 error;
	u8 reply[16 + 8];

	if (type == HELLO) {
		if (n != sizeof(hello_magic) + 16 || memcmp(payload, hello_magic, sizeof(hello_magic)) != 0)
			return;
		payload += sizeof(hello_magic);
		if (!port->connected || memcmp(port->nonce, payload, 16) != 0) {
			if (port->connected) /* a new client came before the old one's end was seen */
				forget_client(index);
			port->connected = 1;
			port->out_length = 0;
			memcpy(port->nonce, payload, 16);
		}
		if (index == 0)
			leash_seen = 1;
		memcpy(reply, payload, 16);
		put32(reply + 16, PROTOCOL);
		put32(reply + 20, (u32)started_at);
		send(index, WELCOME, 0, 0, reply, sizeof(reply));
		return;
	}
	if (!port->connected)
		return;
	switch (type) {
	case EXEC:
		if (!parse_command(payload, n, &cwd, &argv, &env)) {
			send_failure(index, id, -EINVAL, "malformed request");
			break;
		}
		if (flags & FLAG_FRESH)
			forget_names();
		process = spawn(argv, env, cwd, 0, &error, &what);
		if (process)
			adopt(process, index, id);
		else
			send_failure(index, id, error, what);
		break;
	case RUN:
		if (flags & FLAG_FRESH)
			forget_names();
		start_spare();
		process = spare;
		if (!process) {
			send_failure(index, id, -ENOENT, "the spare node process");
			break;
		}
		spare = NULL;
		set_weight(process, "100");
		write(process->request, payload, n);
		close_end(&process->request);
		adopt(process, index, id);
		break;
	case INPUT:
		process = find_process(index, id);
		if (!process)
			break;
		if (n == 0)
			process->input_ended = 1;
		for (u32 i = 0; i < n && process->input_length < STDIN_SIZE; i++)
			process->input[(process->input_start + process->input_length++) % STDIN_SIZE] = payload[i];
		write_input(process);
		break;
	case CREDIT:
		process = find_process(index, id);
		if (process && n == 4 && (flags == 1 || flags == 2))
			process->credit[flags - 1] += get32(payload);
		break;
	case SIGNAL:
		process = find_process(index, id);
		if (!process || n != 4)
			break;
		if (flags & FLAG_GROUP)
			signal_group(process, (int)get32(payload));
		else if (!process->exited)
			kill(process->pid, (int)get32(payload));
		break;
	case POWEROFF:
		power_off();
	case PING:
		send(index, PONG, 0, id, payload, n < 64 ? n : 64);
		break;
	default:
		break;
	}
}

/*
 * A client can go in the middle of a frame and the next one come before its end is noticed. So a hello is looked for in
 * what would else be the rest of the old frame.
 */
static u32 find_hello(const u8 *data, u32 n)
{
	for (u32 at = 1; at + HEADER + sizeof(hello_magic) <= n; at++)
		if (data[at + 4] == HELLO && memcmp(data + at + HEADER, hello_magic, sizeof(hello_magic)) == 0)
			return at;
	return 0;
}

static void read_port(int index)
{
	struct port *port = &ports[index];

	for (;;) {
		i64 got = read(port->fd, port->in + port->in_length, HEADER + MAX_REQUEST - port->in_length);
		u32 at = 0;

		/*
		 * The driver learns of a host's coming by another path than its data: for a moment, data of a host
		 * can be here while the port still says that there is none. So only a lasting "none" counts.
		 */
		if (got == 0 && port->connected) {
			if (!port->gone_since)
				port->gone_since = now_ms();
			else if (now_ms() - port->gone_since > GONE_MS)
				forget_client(index);
		}
		if (got != 0)
			port->gone_since = 0;
		if (got <= 0)
			return;
		port->in_length += (u32)got;
		while (port->in_length - at >= HEADER) {
			u8 *frame = port->in + at;
			u32 n = get32(frame);

			if (n > MAX_REQUEST) { /* not our protocol: wait for the next client */
				forget_client(index);
				at = port->in_length;
				break;
			}
			if (port->in_length - at < HEADER + n) {
				u32 skip = find_hello(frame, port->in_length - at);

				if (!skip)
					break;
				at += skip;
				continue;
			}
			at += HEADER + n;
			handle(index, frame[4], frame[5], get32(frame + 8), frame + HEADER, n);
		}
		if (at > port->in_length)
			at = port->in_length;
		memmove(port->in, port->in + at, port->in_length - at);
		port->in_length -= at;
	}
}

/* ---- the loop ---- */

/*
 * Something goes on without a client: a process that outlives its command, or a module from outside the kernel's own
 * tree, e.g. one that records until somebody comes to fetch it.
 */
static int in_use(void)
{
	static char text[65536];
	static u8 entries[16384];
	char path[96];
	int fd;
	i64 n;

	if (read_file("/proc/modules", text, sizeof(text)) > 0)
		for (const char *p = text; *p; p++)
			/* The taint flags at a line's end: (OE) is out of tree and unsigned. */
			if (p[0] == ' ' && p[1] == '(' && (p[2] == 'O' || p[3] == 'O'))
				return 1;
	fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	while (fd >= 0 && (n = getdents(fd, entries, sizeof(entries))) > 0)
		for (i64 at = 0; at < n;) {
			struct dirent64 *entry = (struct dirent64 *)(entries + at);

			at += entry->length;
			if (!starts(entry->name, "stapkit-"))
				continue;
			if (spare && parse_number(entry->name + 8) == spare->group)
				continue;
			group_path(path, sizeof(path), (u32)parse_number(entry->name + 8), "/cgroup.procs");
			if (read_file(path, text, sizeof(text)) > 0) {
				close(fd);
				return 1;
			}
		}
	if (fd >= 0)
		close(fd);
	return 0;
}

/* Opens port @number, /dev/vportNpNUMBER, where N is the number of the virtio device. */
static int open_port(int number)
{
	static u8 entries[16384];
	int dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), fd = -ENOENT;
	char path[300];
	i64 n;

	while (dev >= 0 && fd < 0 && (n = getdents(dev, entries, sizeof(entries))) > 0)
		for (i64 at = 0; at < n && fd < 0;) {
			struct dirent64 *entry = (struct dirent64 *)(entries + at);
			const char *p = entry->name + 5;

			at += entry->length;
			if (!starts(entry->name, "vport"))
				continue;
			while (*p >= '0' && *p <= '9')
				p++;
			if (*p != 'p' || parse_number(p + 1) != (u64)number)
				continue;
			join(path, sizeof(path), "/dev/", entry->name, NULL, NULL);
			fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
		}
	close(dev);
	return fd;
}

static void open_ports(int wanted)
{
	char digits[24];
	i64 deadline = now_ms() + 10000;

	port_events = epoll_create();
	for (int i = 0; i < wanted && i < MAX_PORTS; i++) {
		struct port *port = &ports[i];
		struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLET, (u64)i};

		/* Ports appear one by one after the driver has loaded. */
		while ((port->fd = open_port(i + 1)) < 0) {
			if (now_ms() > deadline)
				give_up("opening port", number_text(digits + sizeof(digits), (u64)i + 1), port->fd);
			sleep_ms(2);
		}
		port->in = in_buffers[i];
		port->out = out_buffers[i];
		port_count++;
		epoll_add(port_events, port->fd, &event);
	}
}

static void serve(void)
{
	static struct pollfd fds[2 + 3 * MAX_PROCESSES];
	static struct {
		struct process *process;
		int stream; /* -1: input */
	} owners[2 + 3 * MAX_PROCESSES];
	struct epoll_event events[MAX_PORTS];

	for (;;) {
		u32 n = 2;
		i64 now;
		int clients = 0, wait = TICK_MS;

		for (int i = 0; i < port_count; i++)
			if (ports[i].gone_since)
				wait = 100;

		fds[0] = (struct pollfd){port_events, POLLIN, 0};
		fds[1] = (struct pollfd){children, POLLIN, 0};
		for (int i = 0; i < MAX_PROCESSES; i++) {
			struct process *process = &processes[i];

			if (!process->used || process == spare)
				continue;
			if (process->kill_at)
				wait = 100;
			if (process->in >= 0 && process->input_length) {
				owners[n].process = process;
				owners[n].stream = -1;
				fds[n++] = (struct pollfd){process->in, POLLOUT, 0};
			}
			for (int stream = 0; stream < 2; stream++) {
				if (process->out[stream] < 0 || process->exited)
					continue;
				if (process->port >= 0 &&
				    (!process->credit[stream] || !room_for_output(&ports[process->port])))
					continue;
				owners[n].process = process;
				owners[n].stream = stream;
				fds[n++] = (struct pollfd){process->out[stream], POLLIN, 0};
			}
		}
		poll(fds, n, wait);

		/* Ports first, also without an event once a tick: an edge missed would be a client that hangs. */
		while (epoll_wait(port_events, events, MAX_PORTS, 0) > 0)
			;
		for (int i = 0; i < port_count; i++) {
			read_port(i);
			flush(&ports[i]);
		}
		for (u32 i = 2; i < n; i++) {
			struct process *process = owners[i].process;

			if (!fds[i].revents || !process->used)
				continue;
			if (owners[i].stream < 0)
				write_input(process);
			else
				read_output(process, owners[i].stream);
		}
		reap();
		for (int i = 0; i < MAX_PROCESSES; i++)
			settle(&processes[i]);
		now = now_ms();
		finish_killing(now);
		for (int i = 0; i < port_count; i++) {
			flush(&ports[i]);
			clients += ports[i].connected;
		}
		start_spare();
		if (clients)
			idle_since = now;
		if (idle_ms && now - idle_since > idle_ms) {
			if (in_use()) {
				idle_since = now;
				continue;
			}
			say_to(2, "stapkit-agent: idle for too long, powering off", NULL, NULL);
			power_off();
		}
		if (leash && !leash_seen && now - started_at > LEASH_MS) {
			say_to(2, "stapkit-agent: the owner did not come, powering off", NULL, NULL);
			power_off();
		}
	}
}

static int agent(void)
{
	u64 chld = 1ul << (SIGCHLD - 1), pipes = 1ul << (13 - 1);
	u64 blocked = chld | pipes;
	const char *value;
	int words = 0;

	sigprocmask(0 /* SIG_BLOCK */, &blocked);
	boot();
	started_at = idle_since = now_ms();
	setpriority(-10);
	children = signalfd(&chld);
	value = setting("idle", 0);
	idle_ms = value ? (i64)parse_number(value) * 1000 : 0;
	leash = setting("leash", 0) != NULL;
	for (int i = 0; (value = setting("spare", i)) && words < 31; i++)
		spare_argv[words++] = (char *)value;
	start_spare();
	value = setting("ports", 0);
	open_ports(value ? (int)parse_number(value) : 1);
	serve();
	return 0;
}

/* ---- the small tools ---- */

static const char *error_text(i64 error)
{
	switch (-error) {
	case 1:
		return "Operation not permitted";
	case 2:
		return "No such file or directory";
	case 8:
		return "Invalid module format";
	case 11:
		return "Resource temporarily unavailable";
	case 12:
		return "Cannot allocate memory";
	case 16:
		return "Device or resource busy";
	case 17:
		return "File exists";
	case 22:
		return "Invalid parameters";
	case 126:
	case 129:
		return "Key was rejected by service";
	default:
		return "Unknown error";
	}
}

static int insert_module(int argc, char **argv)
{
	static char parameters[16384];
	size_t n = 0;
	i64 error;
	int fd;

	if (argc < 2) {
		say_to(2, "usage: insmod FILE [PARAMETER=VALUE]...", NULL, NULL);
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		for (const char *p = argv[i]; *p && n < sizeof(parameters) - 2; p++)
			parameters[n++] = *p;
		parameters[n++] = ' ';
	}
	parameters[n] = 0;
	fd = open(argv[1], O_RDONLY | O_CLOEXEC, 0);
	error = fd < 0 ? fd : finit_module(fd, parameters, 0);
	if (error < 0) {
		char line[4400];

		join(line, sizeof(line), "insmod: ERROR: could not insert module ", argv[1], ": ",
		     error == -ENOENT && fd >= 0 ? "Unknown symbol in module" : error_text(error));
		write(2, line, length(line));
		write(2, "\n", 1);
		return 1;
	}
	return 0;
}

static int remove_module(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++) {
		i64 error = delete_module(argv[i], O_NONBLOCK);
		char line[400];

		if (error == 0)
			continue;
		join(line, sizeof(line), "rmmod: ERROR: could not remove module ", argv[i], ": ", error_text(error));
		write(2, line, length(line));
		write(2, "\n", 1);
		status = 1;
	}
	return status;
}

/* put FILE MODE: standard input becomes the file, whole or not at all. */
static int put_file(int argc, char **argv)
{
	char path[4096];
	u32 mode = 0;
	i64 error;
	int fd;

	if (argc != 3)
		return 2;
	for (const char *p = argv[2]; *p >= '0' && *p <= '7'; p++)
		mode = mode * 8 + (u32)(*p - '0');
	join(path, sizeof(path), argv[1], ".put~", NULL, NULL);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (int)mode);
	error = fd < 0 ? fd : copy_all(0, fd);
	if (error >= 0)
		error = chmod(path, (int)mode);
	if (error >= 0)
		error = rename(path, argv[1]);
	if (error < 0) {
		unlink(path);
		say_to(2, argv[1], ": ", error_text(error));
		return 1;
	}
	return 0;
}

static int get_file(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC, 0) : -EINVAL;
	i64 error = fd < 0 ? fd : copy_all(fd, 1);

	if (error < 0)
		say_to(2, argc > 1 ? argv[1] : "get", ": ", error_text(error));
	return error < 0;
}

/* Prints the kernel log as the records of /dev/kmsg, without waiting for more. */
static int print_kernel_log(void)
{
	static char record[9000];
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	i64 n;

	if (fd < 0)
		return 1;
	while ((n = read(fd, record, sizeof(record))) > 0 || n == -32 /* EPIPE: overwritten while read */)
		if (n > 0)
			write(1, record, (size_t)n);
	return 0;
}

static u64 cycles(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

/* Reads both clocks at nearly the same moment: of many tries, the one that took the least time. */
static void read_clocks(u64 *tsc, u64 *ns)
{
	u64 best = (u64)-1;

	for (int i = 0; i < 200; i++) {
		struct timespec t;
		u64 before = cycles(), after;

		clock_gettime(CLOCK_MONOTONIC, &t);
		after = cycles();
		if (after - before >= best)
			continue;
		best = after - before;
		*tsc = before + best / 2;
		*ns = (u64)t.sec * 1000000000ul + (u64)t.nsec;
	}
}

/*
 * Prints the frequency of this machine's time stamp counter in kHz. It runs on the host: an emulated guest's counter is
 * the host's, and a guest that finds out the frequency by itself gets it wrong by factors when the host is busy.
 */
static int print_tsc_frequency(void)
{
	u64 tsc[2], ns[2];
	char digits[24];

	read_clocks(&tsc[0], &ns[0]);
	sleep_ms(40);
	read_clocks(&tsc[1], &ns[1]);
	say_to(1, number_text(digits + sizeof(digits), (tsc[1] - tsc[0]) * 1000000ul / (ns[1] - ns[0])), NULL, NULL);
	return 0;
}

int entry(u64 *stack);

int entry(u64 *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	const char *name = argc ? argv[0] : "";

	for (const char *p = name; *p; p++)
		if (*p == '/')
			name = p + 1;
	if (same(name, "insmod"))
		return insert_module(argc, argv);
	if (same(name, "rmmod"))
		return remove_module(argc, argv);
	if (same(name, "put"))
		return put_file(argc, argv);
	if (same(name, "get"))
		return get_file(argc, argv);
	if (same(name, "kmsg"))
		return print_kernel_log();
	if (argc == 2 && same(argv[1], "--tsc-khz"))
		return print_tsc_frequency();
	if (getpid() == 1)
		return agent();
	say_to(2, "stapkit-agent: this program runs as process 1 of a guest", NULL, NULL);
	return 2;
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call entry\n"
	"	mov %eax, %edi\n"
	"	mov $231, %eax\n"
	"	syscall\n");
