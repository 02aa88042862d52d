// Bit-fields, unions, arrays, enumerations and nested structures, as numbers and as text, against what the process knows.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { stap } from './harness.js';

const SUBJECT = `
use strict;
use Socket;
$| = 1;
my ($limit) = map { /^Max open files\\s+(\\d+)\\s+(\\d+)/ ? "$1 $2" : () } do { open(my $f, '<', '/proc/self/limits'); <$f> };
print "did limit $limit\\n";
socket(my $server, AF_INET, SOCK_DGRAM, 0);
bind($server, pack_sockaddr_in(0, inet_aton('127.0.0.1')));
my ($port) = unpack_sockaddr_in(getsockname($server));
socket(my $client, AF_INET, SOCK_DGRAM, 0);
setsockopt($client, 0, 1, pack('i', 16)) or die "tos: $!";
setsockopt($client, 0, 2, pack('i', 33)) or die "ttl: $!";
send($client, 'datagram', 0, pack_sockaddr_in($port, inet_aton('127.0.0.1')));
my ($own) = unpack_sockaddr_in(getsockname($client));
print "did packet $own $port\\n";
my $times = utime(1234567890, 1234567891, $ARGV[0]);
`;

const SCRIPT = `
global packets, limits
probe kernel.function("udp_rcv").call {
  # It may be received in the kernel's own thread: it is known by its time to live.
  header = &@cast($skb->head + $skb->network_header, "iphdr")
  if (header->ttl != 33 || packets++) next
  printf("saw header %d %d %d %d %d\\n", header->version, header->ihl, header->tos, header->ttl, header->protocol)
  printf("text header %s\\n", @cast($skb->head + $skb->network_header, "iphdr")$)
  printf("deep header %s\\n", @cast($skb->head + $skb->network_header, "iphdr")$$)
  udp = &@cast($skb->head + $skb->transport_header, "udphdr")
  printf("saw packet %d %d\\n", ntohs(udp->source), ntohs(udp->dest))
  printf("saw device %s %s %d\\n", $skb->dev->name$, kernel_string($skb->dev->name), $skb->dev->name[0])
  printf("saw union %d\\n", &$skb->tstamp == &$skb->skb_mstamp_ns)
}
probe kernel.function("do_utimes").call {
  if (pid() != target() || limits++) next
  task = task_current()
  printf("saw limit %d %d\\n", task->signal->rlim[7]->rlim_cur, task->signal->rlim[3 + 4]->rlim_max)
  printf("deep limit %s\\n", @cast(&task->signal->rlim[7], "rlimit")$$)
  printf("one %s\\n", @cast(&task->blocked, "sigset_t")$$)
  printf("array %s\\n", @cast(task->signal, "signal_struct")->rlim$$)
  printf("times %s %s\\n", $times$, $times[1]$$)
  printf("size %d %d\\n", &$times[1] - &$times[0], $times[1]->tv_sec)
  printf("group %s\\n", $$parms)
  printf("shown %s\\n", $$parms$)
  printf("defined %d %d %d\\n", @defined($times->tv_sec), @defined($times->nothing), @defined($nothing))
}
`;

describe('structures', () => {
  let lines: string[];
  const told = (what: string) => lines.find((line) => line.startsWith(`${what} `))?.slice(what.length + 1);

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stapkit-test-'));
    const [subject, script] = [join(folder, 'subject.pl'), join(folder, 'shapes.stp')];
    writeFileSync(subject, SUBJECT);
    writeFileSync(script, SCRIPT);
    const command = `ip link set lo up; touch /run/shapes; exec perl ${subject} /run/shapes`;
    const ended = await stap(['--vm', script, '-c', command]);
    rmSync(folder, { recursive: true });
    expect(ended.stderr).toBe('');
    lines = ended.stdout.split('\n');
  });

  test('give bit-fields and members of unions', () => {
    expect(told('saw header')).toBe('4 5 16 33 17');
    expect(told('saw packet')).toBe(told('did packet'));
    expect(told('saw union')).toBe('1');
  });

  test('give elements of arrays', () => {
    expect(told('saw limit')).toBe(told('did limit'));
    expect(told('saw device')).toBe(`"lo" lo ${'l'.charCodeAt(0)}`);
    expect(told('size')).toBe('16 1234567891');
  });

  test('print as text, with what they hold where two dollars stand', () => {
    const [soft, hard] = told('did limit')!.split(' ');
    expect(told('deep limit')).toBe(`{.rlim_cur=${soft}, .rlim_max=${hard}}`);
    expect(told('array')).toMatch(/^\[\{\.rlim_cur=\d+, \.rlim_max=\d+\}, \.\.\.\]$/);
    expect(told('one')).toBe('{.sig=[0, ...]}');
    expect(told('text header')).toMatch(
      /^\{\.ihl=5, \.version=4, \.tos='\\020', \.tot_len=\d+, \.id=\d+, \.frag_off=\d+, \.ttl='!', \.protocol='\\021', \.check=\d+, <union>=\{\.\.\.\}\}$/,
    );
    expect(told('deep header')).toContain(
      '<union>={<class>={.saddr=16777343, .daddr=16777343}, .addrs={.saddr=16777343, .daddr=16777343}}',
    );
    expect(told('times')).toBe('{.tv_sec=1234567890, .tv_nsec=0} {.tv_sec=1234567891, .tv_nsec=0}');
  });

  test('are told in groups', () => {
    expect(told('group')).toMatch(/^dfd=0x\w+ filename=0x\w+ times=0x\w+ flags=0$/);
    expect(told('shown')).toMatch(
      /^dfd=-100 filename="\/run\/shapes" times=\{\.tv_sec=1234567890, \.tv_nsec=0\} flags=0$/,
    );
    expect(told('defined')).toBe('1 0 0');
  });
});
