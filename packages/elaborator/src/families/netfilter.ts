// netfilter.hook("…").pf("…")[.priority("…")] in either order (stapprobes(3stap), NETFILTER HOOKS).
import { type Family, formatParts, type PointPattern, type PointRequest, type PointVariable } from './family.js';

// Hook names of each protocol family (include/uapi/linux/netfilter*.h). The inet names serve IPv4 and IPv6 alike.
const INET = ['PRE_ROUTING', 'LOCAL_IN', 'FORWARD', 'LOCAL_OUT', 'POST_ROUTING'];
const HOOKS: Readonly<Record<string, readonly string[]>> = {
  NFPROTO_IPV4: INET.flatMap((name) => [`NF_INET_${name}`, `NF_IP_${name}`]),
  NFPROTO_IPV6: INET.flatMap((name) => [`NF_INET_${name}`, `NF_IP6_${name}`]),
  NFPROTO_ARP: ['NF_ARP_IN', 'NF_ARP_OUT', 'NF_ARP_FORWARD'],
  NFPROTO_BRIDGE: [...INET.map((name) => `NF_BR_${name}`), 'NF_BR_BROUTING'],
};

// Named priorities (include/uapi/linux/netfilter_ipv4.h, netfilter_ipv6.h).
const INET_PRIORITIES: Readonly<Record<string, number>> = {
  FIRST: -2_147_483_648,
  RAW_BEFORE_DEFRAG: -450,
  CONNTRACK_DEFRAG: -400,
  RAW: -300,
  SELINUX_FIRST: -225,
  CONNTRACK: -200,
  MANGLE: -150,
  NAT_DST: -100,
  FILTER: 0,
  SECURITY: 50,
  NAT_SRC: 100,
  SELINUX_LAST: 225,
  CONNTRACK_HELPER: 300,
  CONNTRACK_CONFIRM: 2_147_483_647,
  LAST: 2_147_483_647,
};

/** Families of which the names of priorities may be used without guru mode: their own, as the manual says. */
const PRIORITY_NAMES: Readonly<Record<string, RegExp>> = {
  NFPROTO_IPV4: /^NF_IP_PRI_(\w+)$/,
  NFPROTO_IPV6: /^NF_IP6_PRI_(\w+)$/,
};

/** What the manual does not name, but guru mode may: "any identifier or number" that has a meaning to the kernel. */
const GURU_FAMILIES = ['NFPROTO_UNSPEC', 'NFPROTO_INET', 'NFPROTO_NETDEV'];
const GURU_HOOKS = [...Object.values(HOOKS).flat(), 'NF_NETDEV_INGRESS'];
const NUMBER = /^\d{1,3}$/;

function priorityOf(text: string, protocol: string, guru: boolean): number | undefined {
  if (/^-?\d+$/.test(text)) {
    const value = Number(text);
    return value >= -2_147_483_648 && value <= 2_147_483_647 ? value : undefined;
  }
  const name = (guru ? /^NF_IP6?_PRI_(\w+)$/ : PRIORITY_NAMES[protocol])?.exec(text)?.[1];
  return name === undefined ? undefined : INET_PRIORITIES[name];
}

function build(request: PointRequest): ReturnType<PointPattern['build']> {
  const protocol = request.string('pf') ?? '';
  const hook = request.string('hook') ?? '';
  const { guru } = request;
  const need = guru ? '' : '; need stap -g';
  const hooks = HOOKS[protocol];
  if (!hooks && !(guru && (NUMBER.test(protocol) || GURU_FAMILIES.includes(protocol)))) {
    return { fault: `unsupported netfilter protocol family "${protocol}"${need}`, near: () => Object.keys(HOOKS) };
  }
  if (!hooks?.includes(hook) && !(guru && (NUMBER.test(hook) || GURU_HOOKS.includes(hook)))) {
    const fault = `unsupported netfilter hook "${hook}" for protocol family "${protocol}"${need}`;
    return { fault, near: () => hooks ?? GURU_HOOKS };
  }
  const priority = request.has('priority') ? priorityOf(request.string('priority') ?? '', protocol, guru) : 0;
  if (priority === undefined) {
    const text = request.string('priority') ?? '';
    return { fault: `unsupported netfilter priority "${text}" for protocol family "${protocol}"${need}` };
  }
  const pointerTo = (name: string): number | 'long' => request.symbols.type(`struct ${name}`) ?? 'long';
  return [
    {
      name: formatParts(request.parts),
      point: { family: 'netfilter', protocol, hook, priority },
      variables: () => {
        const other = (name: string, index: number, type: number | 'long', pointed?: boolean): PointVariable => ({
          name,
          type,
          source: { kind: 'hook-argument', index },
          ...(pointed && type !== 'long' ? { pointsTo: true } : {}),
          group: 'parameter',
          ...(name === 'verdict' ? { writable: 'guru' as const } : {}),
        });
        return {
          return: false,
          variables: [
            other('hooknum', 0, 'long'),
            other('skb', 1, pointerTo('sk_buff'), true),
            other('in', 2, pointerTo('net_device'), true),
            other('out', 3, pointerTo('net_device'), true),
            other('verdict', 4, 'long'),
          ],
        };
      },
    },
  ];
}

export const netfilterFamily: Family = {
  name: 'netfilter',
  points: [
    'netfilter.hook(string).pf(string)',
    'netfilter.pf(string).hook(string)',
    'netfilter.hook(string).pf(string).priority(string)',
    'netfilter.pf(string).hook(string).priority(string)',
  ].map((pattern) => ({ pattern, build })),
};
