// The syscall.* aliases beside strace(1): what a program's calls are named, how their arguments and results read.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PATIENT } from './harness.js';
import { type Machine, openMachine } from './prepared-machine.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = fileURLToPath(new URL('fixtures/calls.c', import.meta.url));

/** strace's names of calls that the tapset names otherwise. */
const NAMES: Readonly<Record<string, string>> = {
  mmap: 'mmap2',
  newfstatat: 'fstatat',
  pread64: 'pread',
  pwrite64: 'pwrite',
};

let machine: Machine;
let folder: string;
beforeAll(async () => {
  machine = await openMachine();
  folder = mkdtempSync(join(tmpdir(), 'syscalls-'));
  execFileSync('gcc', ['-w', '-O1', '-o', join(folder, 'calls'), program]);
});
afterAll(async () => {
  await machine?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Call {
  readonly name: string;
  readonly values: readonly string[];
  readonly result: string;
}

/** Reads `name(arguments) = result` lines between the two that mark the part that counts. */
function readCalls(text: string): Call[] {
  const lines = text.split('\n').filter((line) => /^\w+\(/.test(line));
  const marks = lines.flatMap((line, index) => (line.startsWith('getpgid(12345') ? [index] : []));
  return lines.slice(marks[0]! + 1, marks[1]).map((line) => {
    const [, name, values, result] = /^(\w+)\((.*)\)\s+= (.*)$/.exec(line)!;
    return { name: NAMES[name!] ?? name!, values: splitValues(values!), result: result! };
  });
}

/** Splits at the commas that are in no string and no bracket. */
function splitValues(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const [piece] of text.matchAll(/"(?:\\.|[^"\\])*"|[^"]/g)) {
    if ('{[('.includes(piece)) depth++;
    if ('}])'.includes(piece)) depth--;
    if (piece === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += piece;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** A number as strace and as the tapset write it: decimal, hexadecimal, octal, NULL, a signal. */
function numberOf(text: string): bigint | undefined {
  if (text === 'NULL') return 0n;
  if (/^0[0-7]+$/.test(text)) return BigInt(`0o${text.slice(1)}`);
  return /^-?\d+$|^0x[0-9a-f]+$/.test(text) ? BigInt(text) : undefined;
}

/** strace's forms of structures in the tapset's words. */
function translate(text: string): string {
  return (
    text
      .replace(/\{tv_sec=(\d+), tv_nsec=(\d+)\}/g, (_, s, ns) => `[${s}.${ns.padStart(9, '0')}]`)
      .replace(/\{tv_sec=(\d+), tv_usec=(\d+)\}/g, (_, s, us) => `[${s}.${us.padStart(6, '0')}]`)
      // strace names the flags, and shows the C library's own function that returns from handlers.
      .replace(/, sa_flags=[^}]*\}$/, '}')
      .replace(/^\{sa_family=AF_UNIX, sun_path=("[^"]*")\}$/, '{AF_UNIX, $1}')
      .replace(
        /^\{sa_family=AF_INET, sin_port=htons\((\d+)\), sin_addr=inet_addr\("([\d.]+)"\)\}$/,
        '{AF_INET, $2, $1}',
      )
      .replace(/ \/\*.*\*\/$/, '')
  );
}

/** Calls whose addresses of what the kernel fills in, or of structures, the tapset shows as addresses. */
const ADDRESS = /^0x[0-9a-f]+$/;

/** Constants without a table of their own: the tapset shows their number. */
const AS_NUMBER: Readonly<Record<string, string>> = { IPPROTO_IP: '0' };

function expectSame(ours: Call, theirs: Call): void {
  const where = `${ours.name}(${ours.values.join(', ')}) = ${ours.result}`;
  expect(where.slice(0, ours.name.length)).toBe(theirs.name);
  for (const [index, value] of theirs.values.entries()) {
    const wanted = AS_NUMBER[value] ?? translate(value);
    const given = ours.values[index] ?? '';
    const [a, b] = [numberOf(given), numberOf(wanted)];
    if (a !== undefined && b !== undefined && a === b) continue;
    // Addresses differ between two runs; what strace shows as what lies there, we show as where it lies.
    if (ADDRESS.test(given) && (ADDRESS.test(wanted) || /^["[{]/.test(wanted))) continue;
    // An environment is shown by us, and only where it lies by strace.
    if (given.startsWith('[') && ADDRESS.test(wanted)) continue;
    expect(sortFlags(translate(given)), `${where}, argument ${index + 1}`).toBe(sortFlags(wanted));
  }
  const [, code, error] = /^-(\d+) \((\w+)\)$/.exec(ours.result) ?? [];
  const [, theirError] = /^-1 (\w+) /.exec(theirs.result) ?? [];
  expect(error, where).toBe(theirError);
  if (code) return;
  const result = numberOf(theirs.result.split(' ')[0]!)!;
  if (result > 0xffffffffn) expect(ours.result, where).toMatch(ADDRESS);
  else expect(numberOf(ours.result), where).toBe(result);
}

/** Flags may come in any order. */
function sortFlags(text: string): string {
  return /^\w+(\|\w+)+$/.test(text) ? text.split('|').sort().join('|') : text;
}

/** Variables that are documented beside those of argstr: a call, how they are shown, and which. */
const VARIABLES: readonly (readonly [string, string, string])[] = [
  ['connect', '%s|%s|%s|%s|%s', 'uaddr_af, uaddr_ip, uaddr_ip_port, uaddr_ipv6_flowinfo, uaddr_ipv6_scope_id'],
  ['pipe', '%s %s', 'name, flag_str'],
  ['utime', '%d %d', 'actime, modtime'],
  ['mknod', '%s %#o', 'mode_str, mode'],
  ['renameat2', '%s %s %d', 'oldname_str, newname_str_unquoted, oldname > 4096'],
  ['setxattr', '%s', 'value_str'],
  ['select', '%s', 'timeout_str'],
  ['rt_sigprocmask', '%s', 'set_str'],
];

test('names, arguments and results read as strace shows them', async () => {
  const script = join(folder, 'calls.stp');
  const traced = await machine.shell(`strace -s 45 ${folder}/calls 2> trace; cat trace`);
  const theirs = readCalls(traced.stdout);
  const names = [...new Set(theirs.map(({ name }) => name)), 'getpgid'];
  writeFileSync(
    script,
    `global text
     ${names
       .map(
         (name) => `probe syscall.${name} { if (pid() == target()) text[tid()] = name . "(" . argstr . ")" }
     probe syscall.${name}.return { if (pid() == target()) printf("%s = %s\\n", text[tid()], retstr) }`,
       )
       .join('\n')}
     ${VARIABLES.map(
       ([name, format, values]) =>
         `probe syscall.${name} { if (pid() == target()) printf("# ${name} ${format}\\n", ${values}) }`,
     ).join('\n')}`,
  );
  execFileSync(join(root, 'stap'), ['-r', machine.release, '-p4', ...PATIENT, '-m', 'sys_calls', script], {
    cwd: folder,
  });
  const ran = await machine.shell(`staprun -c ${folder}/calls ${folder}/sys_calls.ko`);
  expect(ran.stderr).toBe('');
  const ours = readCalls(ran.stdout);
  expect(theirs.length).toBeGreaterThan(70);
  expect(ours.map(({ name }) => name)).toEqual(theirs.map(({ name }) => name));
  for (const [index, call] of ours.entries()) expectSame(call, theirs[index]!);
  const others = ran.stdout.split('\n').filter((line) => line.startsWith('# '));
  for (const line of [
    '# connect AF_UNIX||||',
    '# connect AF_INET|127.0.0.1|9||',
    '# pipe pipe2 O_CLOEXEC|O_NONBLOCK',
    '# utime 1 2',
    '# mknod S_IFIFO|0600 010600',
    '# renameat2 "calls.moved" calls.data 1',
    '# setxattr "vw"',
    '# select [0.001000]',
    '# rt_sigprocmask [USR1]',
  ]) {
    expect(others).toContain(line);
  }
});
