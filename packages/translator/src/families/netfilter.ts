// netfilter.hook("NF_INET_…").pf("NFPROTO_…"). The numbers are the kernel's own (uapi/linux/netfilter.h), which never
// change.
import type { NetfilterPoint } from '@stapkit/elaborator';
import { type FamilyEmitter, printStruct } from './family.js';

const PROTOCOLS: Readonly<Record<string, number>> = {
  NFPROTO_UNSPEC: 0,
  NFPROTO_INET: 1,
  NFPROTO_IPV4: 2,
  NFPROTO_ARP: 3,
  NFPROTO_NETDEV: 5,
  NFPROTO_BRIDGE: 7,
  NFPROTO_IPV6: 10,
};

const HOOKS: Readonly<Record<string, number>> = {
  NF_INET_PRE_ROUTING: 0,
  NF_INET_LOCAL_IN: 1,
  NF_INET_FORWARD: 2,
  NF_INET_LOCAL_OUT: 3,
  NF_INET_POST_ROUTING: 4,
  NF_IP_PRE_ROUTING: 0,
  NF_IP_LOCAL_IN: 1,
  NF_IP_FORWARD: 2,
  NF_IP_LOCAL_OUT: 3,
  NF_IP_POST_ROUTING: 4,
  NF_IP6_PRE_ROUTING: 0,
  NF_IP6_LOCAL_IN: 1,
  NF_IP6_FORWARD: 2,
  NF_IP6_LOCAL_OUT: 3,
  NF_IP6_POST_ROUTING: 4,
  NF_ARP_IN: 0,
  NF_ARP_OUT: 1,
  NF_ARP_FORWARD: 2,
  NF_BR_PRE_ROUTING: 0,
  NF_BR_LOCAL_IN: 1,
  NF_BR_FORWARD: 2,
  NF_BR_LOCAL_OUT: 3,
  NF_BR_POST_ROUTING: 4,
  NF_BR_BROUTING: 5,
  NF_NETDEV_INGRESS: 0,
};

/** A number that is written as one, or a name of the table. */
function lookUp(table: Readonly<Record<string, number>>, name: string): string {
  return String(table[name] ?? (Number.parseInt(name, 10) || 0));
}

export const netfilterFamily: FamilyEmitter<NetfilterPoint> = {
  runtimeFamily: () => 'stapkit_family_netfilter',
  printPoint: (point, name) =>
    printStruct('stapkit_netfilter_point', name, {
      protocol: lookUp(PROTOCOLS, point.protocol),
      hook: lookUp(HOOKS, point.hook),
      priority: String(point.priority),
    }),
};
