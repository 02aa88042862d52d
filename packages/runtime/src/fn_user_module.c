// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Functions of the tapset: the program or library at an address of the current process. The list of mappings is read
 * under its lock, which is only ever tried. Whoever lets a lock go wakes those who wait, which a handler may not do:
 * it may have been called with the scheduler's locks held. So a handler keeps the lock until interrupts are on again,
 * when an irq_work gives it back; further calls of the same handler find it taken.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/percpu.h>

#include "fn_memory.h"

/* How many mappings that follow one another are taken for one file's. */
#define MAPPINGS_MAX 16

struct held_lock {
	struct irq_work work;
	struct mm_struct *mm;		/* whose lock this CPU's handler took; NULL where none */
};

static DEFINE_PER_CPU(struct held_lock, held_lock);

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

static bool find_user_module(u64 address, struct user_module *module)
{
	bool in_handler = irqs_disabled();
	struct mm_struct *mm = current->mm;
	struct held_lock *held;
	bool found = false;
	unsigned long flags;

	if (!mm || current->flags & PF_KTHREAD || in_nmi())
		return false;
	local_irq_save(flags);
	held = this_cpu_ptr(&held_lock);
	if (held->mm == mm) {
		found = look(mm, address, module);
	} else if (!held->mm && mmap_read_trylock(mm)) {
		found = look(mm, address, module);
		if (in_handler) {
			if (!held->work.func)
				init_irq_work(&held->work, give_back);
			held->mm = mm;
			irq_work_queue(&held->work);
		} else {
			mmap_read_unlock(mm);
		}
	}
	local_irq_restore(flags);
	return found;
}

void stapkit_fn_umodname(struct stapkit_context *c, char *result, s64 address)
{
	struct user_module module;

	result[0] = '\0';
	if (find_user_module(address, &module))
		scnprintf(result, stapkit_string_size(), "%s", module.name);
	else
		stapkit_error(c, "no module at user address 0x%llx", address);
}

/* 0xADDRESS [NAME+0xOFFSET/0xSIZE], or the address alone. */
void stapkit_fn_usymdata(struct stapkit_context *c, char *result, s64 address)
{
	struct user_module module;

	if (find_user_module(address, &module))
		scnprintf(result, stapkit_string_size(), "0x%llx [%s+%#llx/%#llx]", address, module.name,
			  module.offset, module.size);
	else
		scnprintf(result, stapkit_string_size(), "0x%llx", address);
}
