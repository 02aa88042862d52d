// SPDX-License-Identifier: GPL-2.0 OR MIT
/* netfilter.hook("…").pf("…"): the handler sees a packet, and in guru mode says what becomes of it. */
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <net/net_namespace.h>

#include "context.h"
#include "session.h"

struct netfilter_state {
	struct nf_hook_ops operations;
	bool registered;
};

static unsigned int packet(void *data, struct sk_buff *skb, const struct nf_hook_state *hook)
{
	struct stapkit_probe *probe = data;
	const u64 arguments[] = {
		hook->hook, (unsigned long)skb, (unsigned long)hook->in, (unsigned long)hook->out, NF_ACCEPT,
	};
	struct stapkit_context *c;
	unsigned int verdict = NF_ACCEPT;
	unsigned long flags;

	local_irq_save(flags);
	c = stapkit_context_enter(probe);
	if (c) {
		c->arguments = arguments;
		c->result = NF_ACCEPT;
		probe->handler(c);
		verdict = c->result;
		stapkit_context_leave(c);
	}
	local_irq_restore(flags);
	return verdict;
}

static int start_one(struct stapkit_probe *p)
{
	const struct stapkit_netfilter_point *point = p->point;
	struct netfilter_state *state = p->state;
	char text[STAPKIT_ERROR_TEXT];
	int err;

	state->operations = (struct nf_hook_ops){
		.hook = packet,
		.priv = p,
		.pf = point->protocol,
		.hooknum = point->hook,
		.priority = point->priority,
	};
	err = nf_register_net_hook(&init_net, &state->operations);
	state->registered = !err;
	if (err)
		stapkit_warn(p->id, text,
			     scnprintf(text, sizeof(text), "probe %s registration error (rc %d)", p->name, err));
	return err;
}

static void stop_one(struct stapkit_probe *p)
{
	struct netfilter_state *state = p->state;

	if (!state || !state->registered)
		return;
	nf_unregister_net_hook(&init_net, &state->operations);
	state->registered = false;
}

static int netfilter_prepare(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_netfilter) {
		p->state = kzalloc(sizeof(struct netfilter_state), GFP_KERNEL);
		if (!p->state)
			return -ENOMEM;
	}
	return 0;
}

static void netfilter_finish(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_netfilter) {
		kfree(p->state);
		p->state = NULL;
	}
}

static int netfilter_arm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_netfilter)
		if (p->armed)
			start_one(p);
	return 0;
}

static void netfilter_disarm(void)
{
	struct stapkit_probe *p;

	stapkit_for_each_probe(p, &stapkit_family_netfilter)
		stop_one(p);
	/* Packets in flight walk the hooks under RCU. */
	synchronize_rcu();
}

static int netfilter_toggle(struct stapkit_probe *p, bool on)
{
	if (on)
		return start_one(p);
	stop_one(p);
	return 0;
}

const struct stapkit_family stapkit_family_netfilter = {
	.name = "netfilter",
	.prepare = netfilter_prepare,
	.arm = netfilter_arm,
	.disarm = netfilter_disarm,
	.finish = netfilter_finish,
	.toggle = netfilter_toggle,
};
