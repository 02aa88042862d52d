// What handlers read of the kernel's structures is what /proc, stat, ss and sysfs show of the same things.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectGuest } from '@stapkit/vm';
import { beforeAll, describe, expect, test } from 'vitest';
import { scratchFolder, stap } from './harness.js';

/** Does things of which it knows everything, and says so: `did NAME=VALUE …`. Any Debian has perl. */
const SUBJECT = `
use strict;
use IO::Socket::INET;
$| = 1;
my ($folder) = @ARGV;
sub line { open(my $f, '<', $_[0]) or return ''; my $text = <$f>; chomp $text; return $text }
open(my $status, '<', '/proc/self/status');
my %own = map { /^(\\w+):\\s+(\\S+)/ ? ($1 => $2) : () } <$status>;
print "did task comm=$own{Name} pid=$own{Pid} ppid=$own{PPid} uid=$own{Uid} threads=$own{Threads}\\n";
my @stat = stat("$folder/known");
open(my $known, '<', "$folder/known");
my $got = sysread($known, my $bytes, 4000);
print "did read ino=$stat[1] mode=$stat[2] links=$stat[3] owner=$stat[4] size=$stat[7] mtime=$stat[9] got=$got\\n";
my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no server: $!";
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->sockport) or die "no client: $!";
my $accepted = $server->accept;
my $local = $client->sockport;
my ($seen) = grep { /:$local\\s/ && /ESTAB/ && /127\\.0\\.0\\.1:$local\\s+127/ } \`ss -tnH\`;
my ($from, $to) = $seen =~ /127\\.0\\.0\\.1:(\\d+)\\s+127\\.0\\.0\\.1:(\\d+)/;
print "did send from=$from to=$to size=7\\n";
syswrite($client, 'payload');
sysread($accepted, $bytes, 100);
if (open(my $disk, '<', '/dev/nullb0')) {
  my $sectors = line('/sys/block/nullb0/size');
  my $before = (split ' ', line('/sys/block/nullb0/stat'))[2];
  sysread($disk, $bytes, 4096);
  my $read = 512 * ((split ' ', line('/sys/block/nullb0/stat'))[2] - $before);
  print "did request disk=nullb0 sector=0 bytes=$read capacity=$sectors\\n";
}
`;

const SCRIPT = `
probe kernel.function("vfs_read").return {
  if (pid() != target() || $file->f_path->dentry->d_name->name == 0) next
  if (kernel_string($file->f_path->dentry->d_name->name) != "known") next
  task = task_current()
  printf("saw task comm=%s pid=%d ppid=%d uid=%d threads=%d\\n", kernel_string(&task->comm[0]), task->tgid,
    task->real_parent->tgid, task->cred->uid->val, task->signal->nr_threads)
  inode = $file->f_inode
  printf("saw read ino=%d mode=%d links=%d owner=%d size=%d mtime=%d got=%d\\n", inode->i_ino, inode->i_mode,
    inode->i_nlink, inode->i_uid->val, inode->i_size, inode->i_mtime->tv_sec, $return)
  printf("saw name %s %s\\n", $file->f_path->dentry->d_iname$, $file->f_path->dentry->d_parent->d_name$)
}
global client
probe kernel.function("tcp_sendmsg").call {
  if (pid() != target()) next
  client = $sk->__sk_common->skc_num
  printf("saw send from=%d to=%d size=%d\\n", $sk->__sk_common->skc_num,
    ntohs($sk->__sk_common->skc_dport), $size)
}
# On a busy machine packets are received in the kernel's own thread.
probe kernel.function("tcp_rcv_established").call {
  if (!client || ntohs($sk->__sk_common->skc_dport) != client) next
  control = &@cast(&$skb->cb[0], "tcp_skb_cb")
  if (control->end_seq - control->seq == 7)
    printf("saw packet bytes=%d cloned=%d head=%d\\n", control->end_seq - control->seq, $skb->cloned <= 1,
      $skb->head <= $skb->data)
}
# A request may be started by a thread of the kernel's.
probe kernel.function("blk_mq_start_request").call {
  if (!client || !$rq->q->disk || kernel_string(&$rq->q->disk->disk_name[0]) != "nullb0") next
  printf("saw request disk=%s sector=%d bytes=%d capacity=%d\\n", kernel_string(&$rq->q->disk->disk_name[0]),
    $rq->__sector, $rq->__data_len, $rq->part->bd_nr_sectors)
  printf("saw state %s\\n", $rq->state$)
}
`;

async function inGuest(...argv: string[]): Promise<number | null> {
  const guest = await connectGuest(process.env['STAPKIT_GUEST']!);
  try {
    const { code } = await guest.exec({ argv });
    return code;
  } finally {
    await guest.close();
  }
}

const folder = '/run/stapkit-variables';

describe('structures', () => {
  let lines: string[];
  let disk: boolean;

  beforeAll(async () => {
    // An overlay has inode numbers of its own.
    await inGuest('sh', '-c', `mkdir -p ${folder}; mount -t tmpfs none ${folder}; echo 12345 >${folder}/known`);
    await inGuest('ip', 'link', 'set', 'lo', 'up');
    disk = (await inGuest('modprobe', 'null_blk', 'nr_devices=1', 'gb=1')) === 0;
    const own = mkdtempSync(join(tmpdir(), 'stapkit-test-'));
    const [subject, script] = [join(own, 'subject.pl'), join(own, 'watch.stp')];
    writeFileSync(subject, SUBJECT);
    writeFileSync(script, SCRIPT);
    const ended = await stap(['--vm', script, '-c', `perl ${subject} ${folder}`]);
    rmSync(own, { recursive: true });
    expect(ended.stderr).toBe('');
    expect(ended.status).toBe(0);
    lines = ended.stdout.split('\n');
    await inGuest('umount', folder);
  });

  const facts = (kind: string, what: string) =>
    lines.find((line) => line.startsWith(`${kind} ${what} `))?.slice(`${kind} ${what} `.length);

  test.each(['task', 'read', 'send'])('of a %s are what the process knows of it', (what) => {
    expect(facts('saw', what)).toBeDefined();
    expect(facts('saw', what)).toBe(facts('did', what));
  });

  test('of a request are what sysfs shows of the disk', () => {
    expect(disk, 'null_blk is one of the kernel’s modules').toBe(true);
    expect(facts('saw', 'request')).toBe(facts('did', 'request'));
    expect(lines).toContain('saw state MQ_RQ_IDLE');
  });

  test('of a packet hold what was sent', () => {
    expect(lines).toContain('saw packet bytes=7 cloned=1 head=1');
  });

  test('print as text', () => {
    expect(facts('saw', 'name')).toMatch(/^"known" \{<union>=\{\.\.\.\}, \.name="\/"\}$/);
  });
});

describe('debug information', () => {
  test('finds variables outside functions, per-CPU ones, locals and those of inlined copies', async () => {
    const script = join(scratchFolder(), 'dwarf.stp');
    writeFileSync(
      script,
      `
      global last, descriptors, asked, same, wrong, inlined, cpus
      function count() { return $count }
      probe begin {
        printf("init %s %d %d\\n", @var("init_task", "kernel")->comm$, @var("init_task@init/init_task.c", "kernel")->pid,
          symname(&@var("init_task", "kernel")) == "init_task")
        printf("jiffies %d\\n", @var("jiffies_64", "kernel") > 0)
      }
      probe kernel.statement("vfs_read@fs/read_write.c:*") {
        if (@defined($ret)) if (pid() == target()) last[tid()] = $ret
      }
      # Where the CPU stays the same.
      probe kernel.function("ksys_read").call {
        if (pid() != target()) next
        asked[tid()] = $fd
        if (!cpus++)
          printf("cpu %d %d\\n", @var("cpu_number", "kernel") == cpu(),
            @var("runqueues@kernel/sched/core.c", "kernel")->cpu == cpu())
      }
      probe kernel.function("fdget_pos").inline {
        if (@defined($fd)) if (pid() == target()) descriptors[tid()] = $fd
      }
      probe kernel.function("vfs_read").return {
        if (pid() != target() || !(tid() in last)) next
        if (last[tid()] == $return && count() >= $return) same++; else wrong++
        if (tid() in asked && tid() in descriptors && asked[tid()] == descriptors[tid()]) inlined++
      }
      probe end { printf("same %d wrong %d inlined %d\\n", same > 0, wrong, inlined > 0) }
      `,
    );
    const ended = await stap(['--vm', '-w', script, '-c', 'cat /etc/passwd /etc/group']);
    expect(ended.stderr).toBe('');
    const own = ended.stdout.split('\n').filter((line) => /^(?:init|cpu|jiffies|same) [\d"]/.test(line));
    expect(own).toEqual(['init "swapper/0" 0 1', 'jiffies 1', 'cpu 1 1', 'same 1 wrong 0 inlined 1']);
  });
});
