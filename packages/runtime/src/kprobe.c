// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Probes on kernel and module code by kprobes; entries and addresses. Return probes are in kretprobe.c. */
#include <linux/kprobes.h>

#include "context.h"
#include "kprobe.h"
#include "session.h"

struct kprobe_state {
	struct kprobe kp;
	struct stapkit_probe *probe;
	bool registered;
};

static int kprobe_hit(struct kprobe *kp, struct pt_regs *regs)
{
	struct kprobe_state *state = container_of(kp, struct kprobe_state, kp);

	stapkit_context_run(state->probe, regs);
	return 0;
}
NOKPROBE_SYMBOL(kprobe_hit);

/* Fills in where a kprobe goes; the kernel wants a symbol or an address. */
int stapkit_kprobe_place(struct kprobe *kp, const struct stapkit_probe *probe, char *name, size_t size)
{
	const struct stapkit_kprobe_point *point = probe->point;

	if (point->symbol) {
		if (point->module)
			scnprintf(name, size, "%s:%s", point->module, point->symbol);
		else
			strscpy(name, point->symbol, size);
		kp->symbol_name = name;
		kp->addr = NULL;
		kp->offset = point->offset;
	} else {
		kp->symbol_name = NULL;
		kp->addr = (kprobe_opcode_t *)(unsigned long)(point->address + point->offset);
		kp->offset = 0;
	}
	kp->flags = 0;
	return 0;
}

void stapkit_kprobe_refused(const struct stapkit_probe *probe, int err)
{
	char text[STAPKIT_ERROR_TEXT];
	u32 length;

	length = scnprintf(text, sizeof(text), "probe %s registration error [man warning::pass5] (rc %d)", probe->name,
			   err);
	stapkit_warn(probe->id, text, length);
}

static int register_one(struct stapkit_probe *p)
{
	struct kprobe_state *state = p->state;
	char name[KSYM_NAME_LEN];
	int err;

	memset(&state->kp, 0, sizeof(state->kp));
	state->kp.pre_handler = kprobe_hit;
	stapkit_kprobe_place(&state->kp, p, name, sizeof(name));
	err = register_kprobe(&state->kp);
	/* The name lives on this stack; the kernel has resolved it. */
	state->kp.symbol_name = NULL;
	state->registered = !err;
	return err;
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
		p->state = states++;
	}
	return 0;
}

static void kprobe_finish(void)
{
	struct stapkit_probe *p;

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
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_kprobe) {
		int err = p->armed ? register_one(p) : 0;

		/* One refused probe does not end the run: stap(1) warns and goes on. */
		if (err)
			stapkit_kprobe_refused(p, err);
	}
	return 0;
}

static void kprobe_disarm(void)
{
	struct stapkit_probe *p;
	struct kprobe **list;
	u32 count = 0;

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

static int kprobe_toggle(struct stapkit_probe *p, bool on)
{
	struct kprobe_state *state = p->state;

	if (on)
		return register_one(p);
	if (state->registered) {
		unregister_kprobe(&state->kp);
		state->registered = false;
	}
	return 0;
}

const struct stapkit_family stapkit_family_kprobe = {
	.name = "kprobe",
	.prepare = kprobe_prepare,
	.arm = kprobe_arm,
	.disarm = kprobe_disarm,
	.finish = kprobe_finish,
	.toggle = kprobe_toggle,
};
