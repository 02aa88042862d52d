// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Functions of the tapset: how much memory a process uses, in pages. */
#include <linux/mm.h>
#include <linux/mm_types.h>

#include "fn_memory.h"

#define TASK(number) ((struct task_struct *)(unsigned long)(number))

/* The address space of a task, NULL where it has none or can't be read. */
static struct mm_struct *address_space(s64 task)
{
	struct mm_struct *mm;

	return task && stapkit_peek(&mm, &TASK(task)->mm, sizeof(mm)) ? mm : NULL;
}

/* What has been read is @mm's only where the task still has it: one that was left may be another's the next moment. */
static s64 unless_left(s64 task, const struct mm_struct *mm, s64 value)
{
	smp_rmb();
	return address_space(task) == mm ? value : 0;
}

#define COUNT(mm, member) ({						\
	typeof((mm)->member) value_;					\
									\
	stapkit_peek(&value_, &(mm)->member, sizeof(value_)) ? (s64)value_ : 0;	\
})

/* Counters of single threads that have not been added up yet are left out. */
static s64 counter(struct mm_struct *mm, int number)
{
#ifdef STAPKIT_HAVE_MM_RSS_STAT
	atomic_long_t value;

	if (!stapkit_peek(&value, &mm->rss_stat.count[number], sizeof(value)))
		return 0;
	return max_t(s64, atomic_long_read(&value), 0);
#else
	struct percpu_counter value;

	if (!stapkit_peek(&value, &mm->rss_stat[number], sizeof(value)))
		return 0;
	return max_t(s64, value.count, 0);
#endif
}

s64 stapkit_fn_task_memory_size(struct stapkit_context *c, s64 task)
{
	struct mm_struct *mm = address_space(task);

	return mm ? unless_left(task, mm, COUNT(mm, total_vm)) : 0;
}

s64 stapkit_fn_task_memory_shared(struct stapkit_context *c, s64 task)
{
	struct mm_struct *mm = address_space(task);

	return mm ? unless_left(task, mm, counter(mm, MM_FILEPAGES) + counter(mm, MM_SHMEMPAGES)) : 0;
}

s64 stapkit_fn_task_memory_resident(struct stapkit_context *c, s64 task)
{
	struct mm_struct *mm = address_space(task);

	return mm ? unless_left(task, mm, counter(mm, MM_FILEPAGES) + counter(mm, MM_ANONPAGES) + counter(mm, MM_SHMEMPAGES)) : 0;
}

s64 stapkit_fn_task_memory_text(struct stapkit_context *c, s64 task)
{
	struct mm_struct *mm = address_space(task);
	s64 pages = mm ? (PAGE_ALIGN(COUNT(mm, end_code)) - (COUNT(mm, start_code) & PAGE_MASK)) >> PAGE_SHIFT : 0;

	return mm ? unless_left(task, mm, pages) : 0;
}

s64 stapkit_fn_task_memory_data(struct stapkit_context *c, s64 task)
{
	struct mm_struct *mm = address_space(task);

	return mm ? unless_left(task, mm, COUNT(mm, data_vm) + COUNT(mm, stack_vm)) : 0;
}

s64 stapkit_fn_mem_page_size(struct stapkit_context *c)
{
	return PAGE_SIZE;
}
