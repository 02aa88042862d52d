// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Many function entries at once, by ftrace.
 *
 * The kernel arms kprobes one by one. At a function's entry a kprobe is a call that ftrace patches in, and for each of
 * them ftrace walks over all functions that it knows and waits for all CPUs: with thousands of probes that takes
 * minutes. One ftrace_ops with the addresses of all of them takes a single walk. It costs a wait for all tasks when it
 * is unregistered, so it is for scripts that have many probes; those with few get kprobes.
 *
 * What a probe sees is what a kprobe at that place gives it: the same registers, saved by the same code of ftrace's.
 * Functions that kprobes may not be on are refused here too. There is one group for the kernel and one for each module,
 * which goes when the module goes. A group's table of functions never changes while its ftrace_ops is registered, so
 * that a hit looks it up without a lock.
 */
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include "entry.h"
#include "kprobe.h"
#include "session.h"
#include "symbol.h"

#if defined(CONFIG_KPROBES_ON_FTRACE) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) && defined(CONFIG_X86_64)

/* With fewer probes than these, arming kprobes takes less time than unregistering an ftrace_ops. */
#define ENTRY_MANY 32

struct entry_slot {
	unsigned long ip;		/* 0: free */
	struct stapkit_entry *first;	/* NULL where ftrace has refused the function */
	bool armed;			/* ip is in the filter of the ftrace_ops */
};

struct stapkit_entry_group {
	struct ftrace_ops ops;
	struct entry_slot *slots;	/* by hash, open addressing; NULL until the group is settled */
	u32 bits;
	struct list_head list;
	const char *module;		/* NULL: the kernel */
	struct stapkit_entry *entries;	/* those that came before the table was made */
	u32 count;
	u32 armed;			/* slots */
	bool registered;
};

static DEFINE_MUTEX(entry_mutex);
static LIST_HEAD(groups);

/* ------------------------------------------------------------------------------------------------------------ hits */

static struct entry_slot *slot_of(const struct stapkit_entry_group *group, unsigned long ip)
{
	u32 mask = (1u << group->bits) - 1;
	u32 at = hash_long(ip, group->bits);

	while (group->slots[at].ip && group->slots[at].ip != ip)
		at = (at + 1) & mask;
	return &group->slots[at];
}
NOKPROBE_SYMBOL(slot_of);

/* ftrace calls it at the start of each function of the group; nothing that it calls before a probe runs is traced. */
#ifdef STAPKIT_HAVE_FTRACE_REGS
static void notrace entry_hit(unsigned long ip, unsigned long parent, struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
#else
static void notrace entry_hit(unsigned long ip, unsigned long parent, struct ftrace_ops *ops, struct pt_regs *regs)
{
#endif
	struct stapkit_entry_group *group = container_of(ops, struct stapkit_entry_group, ops);
	struct stapkit_entry *entry;
	unsigned long after;

	if (unlikely(!regs || !stapkit_running()))
		return;
	after = instruction_pointer(regs);
	/* As after a breakpoint, which is what a kprobe shows. */
	instruction_pointer_set(regs, ip + 1);
	for (entry = slot_of(group, ip)->first; entry; entry = entry->next)
		if (READ_ONCE(entry->on))
			entry->hit(entry, regs);
	instruction_pointer_set(regs, after);
}
NOKPROBE_SYMBOL(entry_hit);

/* ---------------------------------------------------------------------------------------------------------- groups */

static struct stapkit_entry_group *group_of(const char *module)
{
	struct stapkit_entry_group *group;

	list_for_each_entry(group, &groups, list)
		if (module && group->module ? strcmp(module, group->module) == 0 : module == group->module)
			return group;
	group = kzalloc(sizeof(*group), GFP_KERNEL);
	if (!group)
		return NULL;
	group->module = module;
	group->ops.func = entry_hit;
	group->ops.flags = FTRACE_OPS_FL_SAVE_REGS;
#ifndef STAPKIT_HAVE_FTRACE_REGS
	/* Until 5.11 (a25d036d939a) the flag said that a function looks after its recursion itself. */
	group->ops.flags |= FTRACE_OPS_FL_RECURSION_SAFE;
#endif
	list_add_tail(&group->list, &groups);
	return group;
}

static void unregister_group(struct stapkit_entry_group *group)
{
	u32 at;

	if (group->registered)
		unregister_ftrace_function(&group->ops);
	group->registered = false;
	/* An empty filter means all functions, so it is emptied only here. */
	ftrace_set_filter(&group->ops, NULL, 0, 1);
	group->armed = 0;
	for (at = 0; group->slots && at < 1u << group->bits; at++)
		group->slots[at].armed = false;
}

static void free_group(struct stapkit_entry_group *group)
{
	struct stapkit_entry *entry;
	u32 at;

	unregister_group(group);
	for (entry = group->entries; entry; entry = entry->next)
		entry->group = NULL;
	for (at = 0; group->slots && at < 1u << group->bits; at++)
		for (entry = group->slots[at].first; entry; entry = entry->next)
			entry->group = NULL;
	kvfree(group->slots);
	list_del(&group->list);
	kfree(group);
}

/* Puts a group's entries into its table. Of one function the last is hit first, as kprobes are. */
static int make_table(struct stapkit_entry_group *group)
{
	struct stapkit_entry *entry = group->entries;

	group->bits = max_t(u32, 4, ilog2(group->count) + 2);
	group->slots = kvcalloc(1u << group->bits, sizeof(*group->slots), GFP_KERNEL);
	if (!group->slots)
		return -ENOMEM;
	group->entries = NULL;
	while (entry) {
		struct entry_slot *slot = slot_of(group, entry->ip);
		struct stapkit_entry **end = &slot->first;
		struct stapkit_entry *next = entry->next;

		slot->ip = entry->ip;
		while (*end)
			end = &(*end)->next;
		entry->next = NULL;
		*end = entry;
		entry = next;
	}
	return 0;
}

/* ----------------------------------------------------------------------------------------------------- addresses */

static bool is_blacklisted(unsigned long address)
{
	static bool (*blacklisted)(unsigned long address);

	if (!blacklisted)
		blacklisted = (void *)stapkit_symbol_address("within_kprobe_blacklist");
	return !blacklisted || blacklisted(address);
}

/*
 * Where ftrace calls from in the function at @address; 0 where it does not. There is a call, or five bytes that do
 * nothing in its place, after the mark of an indirect branch's target, if there is one.
 */
static unsigned long call_place(unsigned long address)
{
	static const u8 mark[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	static const u8 nothing[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	u8 code[sizeof(mark) + sizeof(nothing)];
	u32 at = 0;

	if (copy_from_kernel_nofault(code, (void *)address, sizeof(code)))
		return 0;
	if (memcmp(code, mark, sizeof(mark)) == 0)
		at = sizeof(mark);
	return code[at] == 0xe8 || memcmp(code + at, nothing, sizeof(nothing)) == 0 ? address + at : 0;
}

bool stapkit_entry_many(void)
{
	u32 count = 0;
	struct stapkit_probe *p;

	for (p = stapkit_script.probes; p < stapkit_script.probes + stapkit_script.probe_count; p++)
		count += p->family->settle == stapkit_entry_settle;
	return count >= ENTRY_MANY;
}

void stapkit_entry_add(struct stapkit_entry *entry)
{
	const struct stapkit_kprobe_point *point = entry->probe->point;
	unsigned long address;

	entry->group = NULL;
	entry->on = false;
	if (!point->symbol)
		return;
	address = stapkit_kprobe_address(entry->probe);
	if (!address || is_blacklisted(address))
		return;
	entry->ip = call_place(address);
	if (!entry->ip)
		return;
	mutex_lock(&entry_mutex);
	entry->group = group_of(point->module);
	if (entry->group && entry->group->slots) {
		/* Its table is made: too late. */
		entry->group = NULL;
	} else if (entry->group) {
		entry->next = entry->group->entries;
		entry->group->entries = entry;
		entry->group->count++;
	}
	mutex_unlock(&entry_mutex);
}

void stapkit_entry_switch(struct stapkit_entry *entry, bool on)
{
	WRITE_ONCE(entry->on, on);
}

/* -------------------------------------------------------------------------------------------------------- settling */

static int change_filter(struct stapkit_entry_group *group, unsigned long *ips, u32 count, bool remove)
{
#ifdef STAPKIT_HAVE_FTRACE_SET_FILTER_IPS
	return ftrace_set_filter_ips(&group->ops, ips, count, remove, 0);
#else
	int err = 0;
	u32 at;

	for (at = 0; at < count && !err; at++)
		err = ftrace_set_filter_ip(&group->ops, ips[at], remove, 0);
	/* What was added before one that is refused is added anew, which changes nothing. */
	return err;
#endif
}

/* Moves a list of entries to @refused. */
static void refuse(struct stapkit_entry *entry, struct stapkit_entry **refused)
{
	struct stapkit_entry *next;

	for (; entry; entry = next) {
		next = entry->next;
		entry->group = NULL;
		entry->next = *refused;
		*refused = entry;
	}
}

/* Adds functions to a group's filter; the entries of one that ftrace refuses go to @refused. */
static void add_to_filter(struct stapkit_entry_group *group, unsigned long *ips, u32 count,
			  struct stapkit_entry **refused)
{
	struct entry_slot *slot;
	u32 at;

	if (count == 0)
		return;
	if (change_filter(group, ips, count, false) == 0) {
		for (at = 0; at < count; at++)
			slot_of(group, ips[at])->armed = true;
		group->armed += count;
		return;
	}
	if (count > 1) {
		add_to_filter(group, ips, count / 2, refused);
		add_to_filter(group, ips + count / 2, count - count / 2, refused);
		return;
	}
	slot = slot_of(group, ips[0]);
	refuse(slot->first, refused);
	slot->first = NULL;
}

static bool is_wanted(const struct entry_slot *slot)
{
	struct stapkit_entry *entry;

	for (entry = slot->first; entry; entry = entry->next)
		if (entry->on)
			return true;
	return false;
}

/* Gives up on a group: its entries go to @refused. */
static void refuse_group(struct stapkit_entry_group *group, struct stapkit_entry **refused)
{
	u32 at;

	unregister_group(group);
	for (at = 0; at < 1u << group->bits; at++) {
		refuse(group->slots[at].first, refused);
		group->slots[at].first = NULL;
	}
}

static void settle_group(struct stapkit_entry_group *group, struct stapkit_entry **refused)
{
	u32 size, at, more = 0, less = 0, count;
	unsigned long *ips;

	if (group->entries && make_table(group)) {
		refuse(group->entries, refused);
		group->entries = NULL;
		return;
	}
	if (!group->slots)
		return;
	size = 1u << group->bits;
	for (at = 0; at < size; at++) {
		struct entry_slot *slot = &group->slots[at];
		bool wanted = is_wanted(slot);

		more += wanted && !slot->armed;
		less += !wanted && slot->armed;
	}
	if (!more && !less)
		return;
	if (group->armed + more == less) {
		unregister_group(group);
		return;
	}
	ips = kvmalloc_array(max(more, less), sizeof(*ips), GFP_KERNEL);
	if (!ips) {
		refuse_group(group, refused);
		return;
	}
	for (at = 0, count = 0; at < size; at++)
		if (is_wanted(&group->slots[at]) && !group->slots[at].armed)
			ips[count++] = group->slots[at].ip;
	add_to_filter(group, ips, count, refused);
	for (at = 0, count = 0; at < size; at++)
		if (!is_wanted(&group->slots[at]) && group->slots[at].armed)
			ips[count++] = group->slots[at].ip;
	if (count == group->armed) {
		unregister_group(group);
	} else if (count && change_filter(group, ips, count, true) == 0) {
		group->armed -= count;
		for (at = 0; at < count; at++)
			slot_of(group, ips[at])->armed = false;
	}
	kvfree(ips);
	if (group->armed && !group->registered) {
		if (register_ftrace_function(&group->ops) == 0)
			group->registered = true;
		else
			refuse_group(group, refused);
	}
}

void stapkit_entry_settle(void)
{
	struct stapkit_entry *refused = NULL;
	struct stapkit_entry_group *group;

	mutex_lock(&entry_mutex);
	list_for_each_entry(group, &groups, list)
		settle_group(group, &refused);
	mutex_unlock(&entry_mutex);
	while (refused) {
		struct stapkit_entry *entry = refused;

		refused = entry->next;
		entry->refused(entry);
	}
}

void stapkit_entry_forget(const char *name)
{
	struct stapkit_entry_group *group, *next;

	mutex_lock(&entry_mutex);
	list_for_each_entry_safe(group, next, &groups, list)
		if (group->module && strcmp(group->module, name) == 0)
			free_group(group);
	mutex_unlock(&entry_mutex);
}

void stapkit_entry_release(void)
{
	struct stapkit_entry_group *group, *next;

	mutex_lock(&entry_mutex);
	list_for_each_entry_safe(group, next, &groups, list)
		free_group(group);
	mutex_unlock(&entry_mutex);
}

#else

bool stapkit_entry_many(void)
{
	return false;
}

void stapkit_entry_add(struct stapkit_entry *entry)
{
	entry->group = NULL;
}

void stapkit_entry_switch(struct stapkit_entry *entry, bool on)
{
}

void stapkit_entry_settle(void)
{
}

void stapkit_entry_forget(const char *name)
{
}

void stapkit_entry_release(void)
{
}

#endif
