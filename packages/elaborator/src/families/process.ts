// process(…).* (stapprobes(3stap), USER-SPACE). Nothing resolves these points yet: they are here so that a script that
// uses them is told so, and optional ones drop out.
import type { Family, PointPattern } from './family.js';

const fault: PointPattern['build'] = () => ({
  fault: 'user-space probe points are not available',
  hint: 'probe the kernel’s side instead, or make the point optional with ?',
});

const SUFFIXES = [
  'begin',
  'end',
  'thread.begin',
  'thread.end',
  'syscall',
  'syscall.return',
  'insn',
  'insn.block',
  'function(string)',
  'function(string).call',
  'function(string).return',
  'function(string).inline',
  'function(string).exported',
  'function(string).label(string)',
  'function(number)',
  'function(number).return',
  'statement(string)',
  'statement(string).nearest',
  'statement(number)',
  'statement(number).absolute',
  'plt',
  'plt.return',
  'plt(string)',
  'plt(string).return',
  'mark(string)',
  'provider(string).mark(string)',
  'library(string).function(string)',
  'library(string).function(string).call',
  'library(string).function(string).return',
  'library(string).statement(string)',
  'library(string).plt(string)',
  'library(string).mark(string)',
  'library(string).provider(string).mark(string)',
];

export const processFamily: Family = {
  name: 'process',
  points: ['process', 'process(string)', 'process(number)'].flatMap((base) =>
    SUFFIXES.map((suffix): PointPattern => ({ pattern: `${base}.${suffix}`, build: fault })),
  ),
};
