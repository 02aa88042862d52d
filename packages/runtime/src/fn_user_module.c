// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: the program or library at an address of the current process. The list of mappings is read
 * under its lock. A handler can only try to take it: for a while where another thread is changing the list, and what
 * can't be read then is said to be so, which is another thing than an address where no file is. Whoever lets a lock go
 * wakes those who wait, which a handler may not do: it may have been called with the scheduler's locks held. So it keeps
 * the lock until interrupts are on again, when an irq_work gives it back; further calls of the same handler find it
 * taken. Begin and end probes, which have interrupts on, wait for the lock as anybody does.
 */
#include <linux/dcache.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/percpu.h>

#include "context.h"
#include "fn_memory.h"

/* How many mappings that follow one another are taken for one file's. */
#define MAPPINGS_MAX 16

/*
 * How often a handler tries the lock, a microsecond apart. A longer wait would be for nothing: who has the lock may
 * itself wait until this CPU has answered an interrupt, which it does not while the handler runs.
 */
#define TRIES 100

/* A CPU may come to several processes before it takes interrupts. */
#define HELD_MAX 4

struct held_lock {
	struct irq_work work;
	struct mm_struct *mm;		/* whose lock this CPU's handler took; NULL where none */
};

/* A non-maskable interrupt may come while those of other handlers change, so its own are apart. */
struct held_locks {
	struct held_lock of_handlers[HELD_MAX], of_nmi[HELD_MAX];
};

static DEFINE_PER_CPU(struct held_locks, held_locks);

enum looked_up { THERE, NOTHING, CHANGING };

struct user_module {
	char name[64];
	u64 offset, size;
};

static void give_back(struct irq_work *work)
{
	struct held_lock *held = container_of(work, struct held_lock, work);
	struct mm_struct *mm = held->mm;

	/* First, so that a probe on what follows may take it anew. */
	WRITE_ONCE(held->mm, NULL);
	mmap_read_unlock_non_owner(mm);
}

static bool look(struct mm_struct *mm, u64 address, struct user_module *module)
{
	struct vm_area_struct *vma = find_vma(mm, address);
	struct qstr name;
	struct inode *inode;
	u64 base, end;
	u32 i;

	if (!vma || address < vma->vm_start || !vma->vm_file)
		return false;
	if (!stapkit_peek(&name, &vma->vm_file->f_path.dentry->d_name, sizeof(name)))
		return false;
	memset(module->name, 0, sizeof(module->name));
	/* The name may change under our eyes; what can't be read is no name. */
	if (!stapkit_peek(module->name, name.name, min_t(u32, name.len, sizeof(module->name) - 1)))
		return false;
	inode = file_inode(vma->vm_file);
	base = vma->vm_start - ((u64)vma->vm_pgoff << PAGE_SHIFT);
	end = vma->vm_end;
	for (i = 0; i < MAPPINGS_MAX; i++) {
		vma = find_vma(mm, end);
		if (!vma || vma->vm_start != end || !vma->vm_file || file_inode(vma->vm_file) != inode)
			break;
		end = vma->vm_end;
	}
	module->offset = address - base;
	module->size = end - base;
	return true;
}

/* Whether the current process itself has the lock: to wait for it would be for nothing. */
static bool is_own(const struct mm_struct *mm)
{
#ifdef CONFIG_PREEMPT_RT
	return false;
#else
	/* The lowest bits are flags (kernel/locking/rwsem.c). */
	return (atomic_long_read(&mm->mmap_lock.owner) & ~7UL) == (unsigned long)current;
#endif
}

static struct held_lock *find_held(struct held_lock *locks, const struct mm_struct *mm)
{
	u32 i;

	for (i = 0; i < HELD_MAX; i++)
		if (READ_ONCE(locks[i].mm) == mm)
			return &locks[i];
	return NULL;
}

static bool try_lock(struct mm_struct *mm, u32 tries)
{
	while (!mmap_read_trylock(mm)) {
		if (--tries == 0 || is_own(mm))
			return false;
		udelay(1);
	}
	return true;
}

/* Interrupts are off. */
static bool hold(struct stapkit_context *c, struct mm_struct *mm)
{
	struct held_locks *here = this_cpu_ptr(&held_locks);
	struct held_lock *held;

	if (find_held(here->of_handlers, mm) || find_held(here->of_nmi, mm))
		return true;
	held = find_held(in_nmi() ? here->of_nmi : here->of_handlers, NULL);
	/* What a handler in the middle of another waits for may be held right below it. */
	if (!held || !try_lock(mm, c->level > 0 ? 1 : TRIES))
		return false;
	if (!held->work.func)
		init_irq_work(&held->work, give_back);
	held->mm = mm;
	irq_work_queue(&held->work);
	return true;
}

static enum looked_up find_user_module(struct stapkit_context *c, u64 address, struct user_module *module)
{
	struct mm_struct *mm = current->mm;
	bool found;

	if (!mm || current->flags & PF_KTHREAD)
		return NOTHING;
	if (irqs_disabled()) {
		if (!hold(c, mm))
			return CHANGING;
		found = look(mm, address, module);
	} else {
		/* Refused only to a process that has been killed. */
		if (mmap_read_lock_killable(mm))
			return CHANGING;
		found = look(mm, address, module);
		mmap_read_unlock(mm);
	}
	return found ? THERE : NOTHING;
}

void stapkit_fn_umodname(struct stapkit_context *c, char *result, s64 address)
{
	struct user_module module;

	result[0] = '\0';
	switch (find_user_module(c, address, &module)) {
	case THERE:
		scnprintf(result, stapkit_string_size(), "%s", module.name);
		break;
	case NOTHING:
		stapkit_error(c, "no module at user address 0x%llx", address);
		break;
	case CHANGING:
		stapkit_error(c, "user address 0x%llx can't be looked up: the memory map of process %d is being changed",
			      address, current->tgid);
		break;
	}
}

/* 0xADDRESS [NAME+0xOFFSET/0xSIZE], the address alone where no file is, or with a word where that can't be told. */
void stapkit_fn_usymdata(struct stapkit_context *c, char *result, s64 address)
{
	struct user_module module;

	switch (find_user_module(c, address, &module)) {
	case THERE:
		scnprintf(result, stapkit_string_size(), "0x%llx [%s+%#llx/%#llx]", address, module.name,
			  module.offset, module.size);
		break;
	case NOTHING:
		scnprintf(result, stapkit_string_size(), "0x%llx", address);
		break;
	case CHANGING:
		scnprintf(result, stapkit_string_size(), "0x%llx [map is being changed]", address);
		break;
	}
}
