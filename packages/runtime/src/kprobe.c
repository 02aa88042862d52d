// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Probes on kernel and module code by kprobes; entries and addresses. Return probes are in kretprobe.c. */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "context.h"
#include "entry.h"
#include "kprobe.h"
#include "session.h"
#include "symbol.h"

struct kprobe_state {
	struct kprobe kp;
	struct stapkit_entry entry;
	struct stapkit_probe *probe;
	unsigned long *callers;
	bool registered;
};

static int kprobe_hit(struct kprobe *kp, struct pt_regs *regs)
{
	struct kprobe_state *state = container_of(kp, struct kprobe_state, kp);

	if (stapkit_kprobe_called(state->probe, state->callers, regs))
		stapkit_context_run(state->probe, regs);
	return 0;
}
NOKPROBE_SYMBOL(kprobe_hit);

static void kprobe_entered(struct stapkit_entry *entry, struct pt_regs *regs)
{
	struct kprobe_state *state = container_of(entry, struct kprobe_state, entry);

	if (stapkit_kprobe_called(state->probe, state->callers, regs))
		stapkit_context_run(state->probe, regs);
}
NOKPROBE_SYMBOL(kprobe_entered);

/*
 * The start of the kernel's code: places without a symbol of their own are counted from it. Looking it up takes a walk
 * over all symbols in older kernels, so it is done once.
 */
static unsigned long kernel_start(void)
{
	static unsigned long start;

	if (!READ_ONCE(start))
		WRITE_ONCE(start, stapkit_symbol_address("_stext"));
	return start;
}

/* The address @offset bytes past a symbol of the kernel's or of @module; 0 where there is no such symbol. */
static unsigned long place_address(const char *module, const char *symbol, u64 offset)
{
	char name[KSYM_NAME_LEN];
	unsigned long start;

	if (module) {
		scnprintf(name, sizeof(name), "%s:%s", module, symbol);
		start = stapkit_symbol_address(name);
	} else {
		start = strcmp(symbol, "_stext") == 0 ? kernel_start() : stapkit_symbol_address(symbol);
	}
	return start ? start + offset : 0;
}

unsigned long stapkit_kprobe_address(const struct stapkit_probe *probe)
{
	const struct stapkit_kprobe_point *point = probe->point;

	return point->symbol ? place_address(point->module, point->symbol, point->offset) :
			       (unsigned long)(point->address + point->offset);
}

/* Fills in where a kprobe goes; the kernel wants a symbol or an address. */
int stapkit_kprobe_place(struct kprobe *kp, const struct stapkit_probe *probe, char *name, size_t size)
{
	const struct stapkit_kprobe_point *point = probe->point;

	kp->symbol_name = NULL;
	kp->addr = NULL;
	kp->offset = 0;
	kp->flags = 0;
	if (!point->symbol) {
		kp->addr = (kprobe_opcode_t *)(unsigned long)(point->address + point->offset);
	} else if (!point->module && strcmp(point->symbol, "_stext") == 0 && kernel_start()) {
		kp->addr = (kprobe_opcode_t *)(unsigned long)(kernel_start() + point->offset);
	} else {
		if (point->module)
			scnprintf(name, size, "%s:%s", point->module, point->symbol);
		else
			strscpy(name, point->symbol, size);
		kp->symbol_name = name;
		kp->offset = point->offset;
		/* Offsets of the kernel's are unsigned: what lies before the symbol is an address. */
		if ((s64)point->offset < 0) {
			kp->symbol_name = NULL;
			kp->addr = (kprobe_opcode_t *)stapkit_kprobe_address(probe);
			kp->offset = 0;
			if (!kp->addr)
				return -ENOENT;
		}
	}
	return 0;
}

/* Every module that is loaded has a symbol of this name. */
static bool module_loaded(const char *module)
{
	char name[KSYM_NAME_LEN];

	scnprintf(name, sizeof(name), "%s:__this_module", module);
	return stapkit_symbol_address(name) != 0;
}

void stapkit_kprobe_refused(const struct stapkit_probe *probe, int err)
{
	const struct stapkit_kprobe_point *point = probe->point;
	char text[STAPKIT_ERROR_TEXT];
	u32 length;

	/* It is armed when the module comes. */
	if (err == -ENOENT && point->module && !module_loaded(point->module))
		return;
	length = scnprintf(text, sizeof(text), "probe %s registration error [man warning::pass5] (rc %d)", probe->name,
			   err);
	stapkit_warn(probe->id, text, length);
}

int stapkit_kprobe_callers(const struct stapkit_probe *probe, unsigned long **result)
{
	const struct stapkit_kprobe_point *point = probe->point;
	unsigned long *addresses;
	u32 i;

	kfree(*result);
	*result = NULL;
	if (point->caller_count == 0)
		return 0;
	addresses = kcalloc(point->caller_count, sizeof(*addresses), GFP_KERNEL);
	if (!addresses)
		return -ENOMEM;
	for (i = 0; i < point->caller_count; i++) {
		const struct stapkit_caller *caller = &point->callers[i];

		addresses[i] = place_address(caller->module, caller->symbol, caller->offset);
	}
	*result = addresses;
	return 0;
}

bool stapkit_kprobe_called_from(const struct stapkit_probe *probe, const unsigned long *addresses, struct pt_regs *regs)
{
	const struct stapkit_kprobe_point *point = probe->point;
	unsigned long stack = kernel_stack_pointer(regs);
	bool fits = true;
	u32 i;

	for (i = 0; i < point->caller_count; i++) {
		const struct stapkit_caller *caller = &point->callers[i];
		unsigned long word;

		if (fits)
			fits = addresses[i] &&
			       copy_from_kernel_nofault(&word, (void *)(stack + caller->above), sizeof(word)) == 0 &&
			       word == addresses[i];
		if (caller->last) {
			if (fits)
				return true;
			fits = true;
		}
	}
	return false;
}
NOKPROBE_SYMBOL(stapkit_kprobe_called_from);

/* -------------------------------------------------------------------------------- modules that come and go */

/* Held while probes are armed or disarmed after the run has begun: by a condition, or by a module's coming or going. */
static DEFINE_MUTEX(follow_mutex);
static struct {
	const struct stapkit_family *family;
	void (*attach)(struct stapkit_probe *probe);
} followed[2];

static bool has_module_probe(const struct stapkit_family *family)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, family) {
		const struct stapkit_kprobe_point *point = p->point;

		if (point->module)
			return true;
	}
	return false;
}

static int module_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct module *module = data;
	struct stapkit_probe *p;
	bool many;
	int err;
	u32 i;

	/*
	 * A module that goes takes its probes with it: the kernel marks them as gone. They are given back when it comes again,
	 * as the kernel's own kprobe events are, or at the end: a probe that is given back while its module goes may still
	 * be on its way out when the next module gets the same memory. ftrace would keep the addresses.
	 */
	if (event == MODULE_STATE_GOING)
		stapkit_entry_forget(module->name);
	if (module == THIS_MODULE || event != MODULE_STATE_COMING)
		return NOTIFY_OK;
	many = stapkit_entry_many();
	for (i = 0; i < ARRAY_SIZE(followed); i++) {
		const struct stapkit_family *family = followed[i].family;

		if (!family)
			continue;
		stapkit_for_each_probe(p, family) {
			const struct stapkit_kprobe_point *point = p->point;

			if (!point->module || strcmp(point->module, module->name) != 0)
				continue;
			family->toggle(p, false);
			if (many)
				followed[i].attach(p);
			err = READ_ONCE(p->armed) ? family->toggle(p, true) : 0;
			if (err)
				stapkit_kprobe_refused(p, err);
		}
	}
	stapkit_entry_settle();
	return NOTIFY_OK;
}

static struct notifier_block module_block = { .notifier_call = module_event, .priority = 1 };

int stapkit_kprobe_follow(const struct stapkit_family *family, void (*attach)(struct stapkit_probe *probe))
{
	bool first = !followed[0].family && !followed[1].family;
	u32 at = followed[0].family ? 1 : 0;

	if (!has_module_probe(family))
		return 0;
	followed[at].attach = attach;
	followed[at].family = family;
	return first ? register_module_notifier(&module_block) : 0;
}

void stapkit_kprobe_unfollow(const struct stapkit_family *family)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(followed); i++) {
		if (followed[i].family != family)
			continue;
		/* Waits for the last event that is being told. */
		if (!followed[1 - i].family)
			unregister_module_notifier(&module_block);
		followed[i].family = NULL;
	}
}

static int start_one(struct stapkit_probe *p)
{
	struct kprobe_state *state = p->state;
	char name[KSYM_NAME_LEN];
	int err;

	if (state->entry.group) {
		stapkit_entry_switch(&state->entry, true);
		return 0;
	}
	if (state->registered)
		return 0;
	memset(&state->kp, 0, sizeof(state->kp));
	state->kp.pre_handler = kprobe_hit;
	err = stapkit_kprobe_callers(p, &state->callers);
	if (!err)
		err = stapkit_kprobe_place(&state->kp, p, name, sizeof(name));
	if (!err)
		err = register_kprobe(&state->kp);
	/* The name lives on this stack; the kernel has resolved it. */
	state->kp.symbol_name = NULL;
	state->registered = !err;
	return err;
}

static void stop_one(struct stapkit_probe *p)
{
	struct kprobe_state *state = p->state;

	stapkit_entry_switch(&state->entry, false);
	if (!state->registered)
		return;
	unregister_kprobe(&state->kp);
	state->registered = false;
	atomic64_add(state->kp.nmissed, (atomic64_t *)&p->losses[STAPKIT_LOSS_NESTING]);
	state->kp.nmissed = 0;
}

static int kprobe_toggle(struct stapkit_probe *p, bool on)
{
	int err = 0;

	mutex_lock(&follow_mutex);
	if (on)
		err = start_one(p);
	else
		stop_one(p);
	mutex_unlock(&follow_mutex);
	return err;
}

/* ftrace does not take the function: it gets a kprobe. */
static void kprobe_instead(struct stapkit_entry *entry)
{
	int err = entry->on ? kprobe_toggle(entry->probe, true) : 0;

	if (err)
		stapkit_kprobe_refused(entry->probe, err);
}

static void kprobe_attach(struct stapkit_probe *p)
{
	struct kprobe_state *state = p->state;

	if (stapkit_kprobe_callers(p, &state->callers) == 0)
		stapkit_entry_add(&state->entry);
}

static int kprobe_prepare(void)
{
	struct kprobe_state *states;
	struct stapkit_probe *p;
	u32 count = 0;

	stapkit_for_each_probe(p, &stapkit_family_kprobe)
		count++;
	states = kvcalloc(count, sizeof(*states), GFP_KERNEL);
	if (!states)
		return -ENOMEM;
	stapkit_for_each_probe(p, &stapkit_family_kprobe) {
		states->probe = p;
		states->entry.probe = p;
		states->entry.hit = kprobe_entered;
		states->entry.refused = kprobe_instead;
		p->state = states++;
	}
	return 0;
}

static void kprobe_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_kprobe) {
		struct kprobe_state *state = p->state;

		if (state)
			kfree(state->callers);
	}

	/* The first probe's state is the start of the one allocation. */
	stapkit_for_each_probe(p, &stapkit_family_kprobe) {
		kvfree(p->state);
		break;
	}
	stapkit_for_each_probe(p, &stapkit_family_kprobe)
		p->state = NULL;
}

static int kprobe_arm(void)
{
	bool many = stapkit_entry_many();
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_kprobe) {
		int err;

		if (many)
			kprobe_attach(p);
		err = p->armed ? start_one(p) : 0;
		/* One refused probe does not end the run: stap(1) warns and goes on. */
		if (err)
			stapkit_kprobe_refused(p, err);
	}
	return stapkit_kprobe_follow(&stapkit_family_kprobe, kprobe_attach);
}

static void kprobe_disarm(void)
{
	struct stapkit_probe *p;
	struct kprobe **list;
	u32 count = 0;

	stapkit_kprobe_unfollow(&stapkit_family_kprobe);
	stapkit_entry_release();
	stapkit_for_each_probe(p, &stapkit_family_kprobe)
		count++;
	/* All at once: one wait for all instead of one each. */
	list = kvmalloc_array(count, sizeof(*list), GFP_KERNEL);
	count = 0;
	stapkit_for_each_probe(p, &stapkit_family_kprobe) {
		struct kprobe_state *state = p->state;

		if (!state || !state->registered)
			continue;
		if (list)
			list[count++] = &state->kp;
		else
			unregister_kprobe(&state->kp);
		state->registered = false;
	}
	if (list && count)
		unregister_kprobes(list, count);
	kvfree(list);
	stapkit_for_each_probe(p, &stapkit_family_kprobe) {
		struct kprobe_state *state = p->state;

		if (state)
			atomic64_add(state->kp.nmissed, (atomic64_t *)&p->losses[STAPKIT_LOSS_NESTING]);
	}
}

const struct stapkit_family stapkit_family_kprobe = {
	.name = "kprobe",
	.prepare = kprobe_prepare,
	.arm = kprobe_arm,
	.disarm = kprobe_disarm,
	.finish = kprobe_finish,
	.toggle = kprobe_toggle,
	.settle = stapkit_entry_settle,
};
