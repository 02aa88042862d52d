// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The files through which staprun drives the module: control, trace and sites below /proc/stapkit/MODULE/.
 *
 * START, EXIT, LOSS and END are not kept in a ring, where there might be no room for them: they are states, and the
 * reader is told of each when it reads.
 */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "input.h"
#include "lock.h"
#include "ring.h"
#include "session.h"
#include "transport.h"

/* Bytes of a global's name that a LOSS takes along. */
#define LOSS_NAME_MAX 128

const struct stapkit_blocked *stapkit_blocked;
u32 stapkit_blocked_size;

static struct proc_dir_entry *module_directory;
static atomic_t control_openers = ATOMIC_INIT(0);
static DEFINE_MUTEX(trace_mutex);
static bool start_told, exit_told, losses_told, end_told;
/* Where the loss report has got to: probe × cause, then print sites, then locks, then lost messages. */
static u32 loss_position;
/* A reader with room for many batches has been there; it is in its read; it is to stay in it. */
static bool reader_seen, reader_inside, reader_held;

/* ------------------------------------------------------------------------------------------------------- control */

static int control_open(struct inode *inode, struct file *file)
{
	atomic_inc(&control_openers);
	return 0;
}

static int control_release(struct inode *inode, struct file *file)
{
	if (atomic_dec_and_test(&control_openers) && !READ_ONCE(stapkit_session.detached))
		stapkit_session_abandon();
	return 0;
}

/* Set by the input family, an archive member that not every module has. */
void (*stapkit_input_receive)(const char *bytes, size_t length);

/* "input BYTES": what the user typed; the bytes may be any. */
static ssize_t control_input(const char __user *buffer, size_t size)
{
	void (*receive)(const char *bytes, size_t length) = READ_ONCE(stapkit_input_receive);
	size_t head = strlen("input ");
	char *text = memdup_user(buffer, size);

	if (IS_ERR(text))
		return PTR_ERR(text);
	if (receive)
		receive(text + head, size - head);
	kfree(text);
	return size;
}

static ssize_t control_write(struct file *file, const char __user *buffer, size_t size, loff_t *position)
{
	char text[320];
	s64 target = 0;
	u32 user;
	int err;

	if (size > 6 && size <= PAGE_SIZE && !copy_from_user(text, buffer, 6) && memcmp(text, "input ", 6) == 0)
		return control_input(buffer, size);

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buffer, size))
		return -EFAULT;
	text[size] = '\0';
	strim(text);
	if (strcmp(text, "start") == 0 || sscanf(text, "start %lld", &target) == 1) {
		err = stapkit_session_start(target);
	} else if (sscanf(text, "timezone %d %31s", &stapkit_session.timezone_offset, stapkit_session.timezone_name) ==
		   2) {
		err = 0;
	} else if (sscanf(text, "owner %u", &user) == 1) {
		err = stapkit_session_set_owner(user);
	} else if (sscanf(text, "namespaces %lld", &stapkit_session.namespaces) == 1) {
		err = 0;
	} else if (sscanf(text, "remote %d %255s", &stapkit_session.remote_id, stapkit_session.remote_uri) == 2) {
		err = 0;
	} else if (strcmp(text, "exit") == 0) {
		err = stapkit_session_stop();
	} else if (strcmp(text, "attach") == 0) {
		/* Not before: one that is refused, or killed until then, leaves the session as it is. */
		if (READ_ONCE(stapkit_session.detached)) {
			WRITE_ONCE(stapkit_session.detached, false);
			stapkit_ring_set_overwrite(false);
		}
		err = 0;
	} else if (strcmp(text, "detach") == 0) {
		/* From now on the newest records matter. A reader that waits hears of it and leaves. */
		stapkit_ring_set_overwrite(true);
		WRITE_ONCE(stapkit_session.detached, true);
		stapkit_ring_wake();
		/* A read that is under way ends before the oldest records may be overwritten. */
		mutex_lock(&trace_mutex);
		stapkit_ring_set_overwrite(true);
		mutex_unlock(&trace_mutex);
		err = 0;
	} else {
		err = -EINVAL;
	}
	return err ? err : size;
}

/* --------------------------------------------------------------------------------------------------------- trace */

static u64 due_stamp(const u64 *stamp, bool told)
{
	return told ? 0 : READ_ONCE(*stamp);
}

/* What the reader is to be told of now, beside the rings. */
static bool something_due(void)
{
	/* A reader that waits when its staprun detaches gets 0 bytes, so that it can leave. */
	if (READ_ONCE(stapkit_session.detached))
		return true;
	return due_stamp(&stapkit_session.start_stamp, start_told) ||
	       due_stamp(&stapkit_session.exit_stamp, exit_told) || READ_ONCE(stapkit_session.end_stamp) ||
	       READ_ONCE(stapkit_session.detached);
}

static int put_record(char __user *buffer, size_t size, u32 *done, u16 kind, u32 site, u64 stamp, const void *payload,
		      u32 length)
{
	struct stapkit_record record = {
		.length = sizeof(record) + length, .kind = kind, .site = site, .stamp = stamp,
	};

	if (*done + record.length > size)
		return -ENOSPC;
	if (copy_to_user(buffer + *done, &record, sizeof(record)) ||
	    copy_to_user(buffer + *done + sizeof(record), payload, length))
		return -EFAULT;
	*done += record.length;
	return 0;
}

/* Tells of @count losses; of none, nothing. @name is the global's whose lock it was, or NULL. */
static int put_loss(char __user *buffer, size_t size, u32 *done, u32 cause, u32 owner, u64 count, const char *name)
{
	struct {
		struct stapkit_loss loss;
		char name[LOSS_NAME_MAX];
	} payload;
	u32 length = name ? min_t(size_t, strlen(name), LOSS_NAME_MAX) : 0;

	if (!count)
		return 0;
	memset(&payload, 0, sizeof(payload));
	payload.loss.cause = cause;
	payload.loss.name_length = length;
	payload.loss.count = count;
	memcpy(payload.name, name, length);
	return put_record(buffer, size, done, STAPKIT_RECORD_LOSS, owner, stapkit_session.end_stamp, &payload,
			  sizeof(payload.loss) + ALIGN(length, 8));
}

/* The hits of a probe that locks have cost, less those for which the global is known. */
static u64 unnamed_timeouts(const struct stapkit_probe *p)
{
	u64 count = p->losses[STAPKIT_LOSS_LOCK_TIMEOUT];
	const struct stapkit_blocked *b;

	for (b = stapkit_blocked; b < stapkit_blocked + stapkit_blocked_size; b++)
		if (b->key && stapkit_blocked_probe(b) == p->id)
			count -= min_t(u64, count, atomic64_read(&b->count));
	return count;
}

static int put_loss_of_probe(char __user *buffer, size_t size, u32 *done, u32 position)
{
	u32 causes = ARRAY_SIZE(stapkit_script.probes->losses);
	const struct stapkit_probe *p = &stapkit_script.probes[position / causes];
	u32 cause = position % causes;
	u64 count = p->losses[cause];

	if (count && cause == STAPKIT_LOSS_LOCK_TIMEOUT)
		count = unnamed_timeouts(p);
	return put_loss(buffer, size, done, cause, p->id, count, NULL);
}

/* Tells of as many losses as fit; all told when losses_told. */
static int put_losses(char __user *buffer, size_t size, u32 *done)
{
	u32 of_probes = stapkit_script.probe_count * ARRAY_SIZE(stapkit_script.probes->losses);
	u32 with_sites = of_probes + stapkit_script.site_count;
	u32 with_locks = with_sites + stapkit_blocked_size;
	int err;

	for (; loss_position <= with_locks; loss_position++) {
		if (loss_position < of_probes) {
			err = put_loss_of_probe(buffer, size, done, loss_position);
		} else if (loss_position < with_sites) {
			u32 site = loss_position - of_probes;

			err = put_loss(buffer, size, done, STAPKIT_LOSS_RING_FULL, site | STAPKIT_LOSS_OWNER_SITE,
				       stapkit_script.site_losses[site], NULL);
		} else if (loss_position < with_locks) {
			const struct stapkit_blocked *b = &stapkit_blocked[loss_position - with_sites];

			err = !b->key ? 0 :
					put_loss(buffer, size, done, STAPKIT_LOSS_LOCK_TIMEOUT, stapkit_blocked_probe(b),
						 atomic64_read(&b->count), stapkit_blocked_name(b));
		} else {
			err = put_loss(buffer, size, done, STAPKIT_LOSS_RING_FULL, ~0u, stapkit_ring_lost_messages(), NULL);
		}
		if (err == -ENOSPC)
			return 0;
		if (err)
			return err;
	}
	losses_told = true;
	return 0;
}

static int put_states(char __user *buffer, size_t size, u32 *done)
{
	u64 stamp = due_stamp(&stapkit_session.start_stamp, start_told);
	int err;

	if (stamp) {
		err = put_record(buffer, size, done, STAPKIT_RECORD_START, 0, stamp, NULL, 0);
		if (err)
			return err;
		start_told = true;
	}
	stamp = due_stamp(&stapkit_session.exit_stamp, exit_told);
	if (stamp) {
		err = put_record(buffer, size, done, STAPKIT_RECORD_EXIT, 0, stamp, NULL, 0);
		if (err)
			return err;
		exit_told = true;
	}
	return 0;
}

/* The last of all: losses, then END. */
static int put_end(char __user *buffer, size_t size, u32 *done)
{
	s64 end[2] = { atomic_read(&stapkit_session.failed) ? 1 : 0, 0 };
	int err = 0;

	/* stap(1), --suppress-handler-errors: "Any overall counts will still be reported at shutdown." */
	if (stapkit_script.limits.suppress_errors)
		end[1] = atomic64_read(&stapkit_session.errors);
	if (stapkit_session.skips_told)
		end[1]--;
	if (!losses_told)
		err = put_losses(buffer, size, done);
	if (err || !losses_told)
		return err;
	err = put_record(buffer, size, done, STAPKIT_RECORD_END, 0, stapkit_session.end_stamp, end, sizeof(end));
	if (!err)
		end_told = true;
	return err == -ENOSPC ? 0 : err;
}

void stapkit_transport_hold_reader(void)
{
	u32 waited;

	WRITE_ONCE(reader_held, true);
	/* Pairs with the barrier of stay(). */
	smp_mb();
	for (waited = 0; stapkit_transport_has_reader() && !READ_ONCE(reader_inside) && waited < STAPKIT_READER_PATIENCE &&
	     !fatal_signal_pending(current); waited++)
		schedule_timeout_killable(1);
}

void stapkit_transport_release_reader(void)
{
	WRITE_ONCE(reader_held, false);
	stapkit_ring_wake();
}

bool stapkit_transport_has_reader(void)
{
	return READ_ONCE(reader_seen) && !READ_ONCE(stapkit_session.detached);
}

static bool is_let_go(void)
{
	return !READ_ONCE(reader_held);
}

/* Reads batch after batch behind the first, while the reader is held. Returns all bytes that there are then. */
static u32 stay(char __user *buffer, size_t size, u32 done)
{
	for (;;) {
		long got = 0;

		while (READ_ONCE(reader_held) && size - done >= STAPKIT_BATCH_MAX) {
			if (stapkit_ring_wait(is_let_go))
				break;
			got = stapkit_ring_read(buffer + done, STAPKIT_BATCH_MAX);
			if (got < 0)
				break;
			done += got;
		}
		WRITE_ONCE(reader_inside, false);
		/* Either whoever holds the reader sees that it is not there, or it sees that it is held. */
		smp_mb();
		if (got < 0 || signal_pending(current) || is_let_go() || size - done < STAPKIT_BATCH_MAX)
			return done;
		WRITE_ONCE(reader_inside, true);
	}
}

static ssize_t trace_read(struct file *file, char __user *buffer, size_t whole, loff_t *position)
{
	/* Room for START and EXIT in front, and for at least some losses and the END behind. */
	const u32 states = 4 * sizeof(struct stapkit_record);
	const size_t size = STAPKIT_BATCH_MAX;
	const bool stays = whole >= 2 * STAPKIT_BATCH_MAX && !(file->f_flags & O_NONBLOCK);
	u32 done = 0;
	long got = 0;
	int err;

	if (whole < size)
		return -EINVAL;
	whole = min_t(size_t, whole, STAPKIT_READ_MAX);
	if (mutex_lock_interruptible(&trace_mutex))
		return -ERESTARTSYS;
	if (end_told)
		goto unlock;
	if (stays) {
		WRITE_ONCE(reader_seen, true);
		WRITE_ONCE(reader_inside, true);
	}
	if (!(file->f_flags & O_NONBLOCK)) {
		err = stapkit_ring_wait(something_due);
		if (err)
			goto fail;
	} else if (!stapkit_ring_has_data() && !something_due()) {
		err = -EAGAIN;
		goto fail;
	}
	/* What is in the rings stays there for whoever attaches next. */
	if (READ_ONCE(stapkit_session.detached))
		goto unlock;
	/* END only where nothing was left in the rings before this read. */
	if (READ_ONCE(stapkit_session.end_stamp) && !stapkit_ring_has_data() && start_told >= !!stapkit_session.start_stamp) {
		err = put_states(buffer, size, &done);
		if (!err)
			err = put_end(buffer, size, &done);
		if (err)
			goto fail;
		goto unlock;
	}
	got = stapkit_ring_read(buffer, size - states);
	if (got < 0) {
		err = got;
		goto fail;
	}
	done = got;
	err = put_states(buffer, size, &done);
	if (err && err != -ENOSPC)
		goto fail;
	if (stays)
		done = stay(buffer, whole, done);
unlock:
	WRITE_ONCE(reader_inside, false);
	mutex_unlock(&trace_mutex);
	return done;
fail:
	WRITE_ONCE(reader_inside, false);
	mutex_unlock(&trace_mutex);
	return err;
}

/* --------------------------------------------------------------------------------------------------------- sites */

static ssize_t sites_read(struct file *file, char __user *buffer, size_t size, loff_t *position)
{
	return simple_read_from_buffer(buffer, size, position, stapkit_script.description,
				       stapkit_script.description_length);
}

/*
 * struct proc_ops since Linux 5.6 (commit d56c0d45f0e2, "proc: decouple proc from VFS with struct proc_ops"); no
 * kernel before it is supported.
 */
static const struct proc_ops control_operations = {
	.proc_open = control_open,
	.proc_release = control_release,
	.proc_write = control_write,
};

static const struct proc_ops trace_operations = {
	.proc_read = trace_read,
};

static const struct proc_ops sites_operations = {
	.proc_read = sites_read,
	.proc_lseek = default_llseek,
};

/*
 * The directory that all modules share. It stays when the last one goes: it holds no code, and taking it away would
 * race with another module's start. Asked for by path because creating an entry twice makes the kernel warn.
 */
static int create_parent(void)
{
	struct path path;

	if (kern_path("/proc/stapkit", LOOKUP_FOLLOW, &path) == 0) {
		path_put(&path);
		return 0;
	}
	return proc_mkdir_mode("stapkit", 0755, NULL) ? 0 : -ENOMEM;
}

int stapkit_transport_create(void)
{
	char path[MODULE_NAME_LEN + 16];
	int err = create_parent();

	if (err)
		return err;
	snprintf(path, sizeof(path), "stapkit/%s", THIS_MODULE->name);
	module_directory = proc_mkdir_mode(path, 0700, NULL);
	if (!module_directory)
		return -ENOMEM;
	if (!proc_create("control", 0600, module_directory, &control_operations) ||
	    !proc_create("trace", 0600, module_directory, &trace_operations) ||
	    !proc_create("sites", 0600, module_directory, &sites_operations)) {
		stapkit_transport_destroy();
		return -ENOMEM;
	}
	return 0;
}

void stapkit_transport_destroy(void)
{
	proc_remove(module_directory);
	module_directory = NULL;
}
