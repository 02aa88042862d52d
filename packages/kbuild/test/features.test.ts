// Questions to a kernel, and their answers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quietContext } from '@stapkit/pass';
import { describe, expect, test } from 'vitest';
import {
  askKernel,
  type FeatureQuestion,
  type FeatureSource,
  featureHeader,
  resolveFeatures,
} from '../src/features.js';
import { openExports } from '../src/symbol-versions.js';
import { someKernel, temporaryFolder } from './support.js';

const source: FeatureSource = {
  functionPrototype: (name) =>
    name === 'uprobe_register'
      ? { parameters: ['struct inode *', 'loff_t', 'loff_t', 'struct uprobe_consumer *'], result: 'struct uprobe *' }
      : undefined,
  structMembers: (name) => (name === 'task_struct' ? ['__state', 'stack'] : undefined),
};

function symvers(text: string): string {
  const path = join(temporaryFolder(), 'Module.symvers');
  writeFileSync(path, text);
  return path;
}

const exports = openExports(
  symvers('0x92997ed8\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n0x00000001\tother\tdrivers/printed\tEXPORT_SYMBOL_GPL\t\n'),
);
const config = (name: string): string | undefined => ({ CONFIG_A: 'y', CONFIG_B: 'm', CONFIG_C: '4' })[name];
const ask = (question: Partial<FeatureQuestion>): boolean | undefined =>
  askKernel({ name: 'X', ...question }, { config, exports, source });

describe('a question', () => {
  test.each<[Partial<FeatureQuestion>, boolean]>([
    [{ symbol: '_printk' }, true],
    [{ symbol: 'printk' }, false],
    [{ symbol: 'vmlinux' }, false],
    [{ config: 'CONFIG_A' }, true],
    [{ config: 'CONFIG_B' }, true],
    [{ config: 'CONFIG_C' }, false],
    [{ config: 'CONFIG_D' }, false],
    [{ prototype: 'uprobe_register', parameters: 4 }, true],
    [{ prototype: 'uprobe_register', parameters: 3 }, false],
    [{ prototype: 'uprobe_register', result: 'struct uprobe*' }, true],
    [{ prototype: 'uprobe_register', result: 'int' }, false],
    [{ prototype: 'uprobe_register', parameter: 0, type: 'const struct inode *' }, true],
    [{ prototype: 'nothing', parameters: 1 }, false],
    [{ struct: 'task_struct' }, true],
    [{ struct: 'task' }, false],
    [{ member: 'task_struct.__state' }, true],
    [{ member: 'struct task_struct.state' }, false],
  ])('%j is answered %s', (question, answer) => {
    expect(ask(question)).toBe(answer);
  });
});

test('the header defines what is there and only that', () => {
  const text = featureHeader(
    [
      { name: 'HAVE_A', value: true },
      { name: 'HAVE_B', value: false },
    ],
    '6.1.0',
  );
  expect(text).toContain('#define HAVE_A 1\n');
  expect(text).not.toContain('#define HAVE_B');
});

test('without type information the compiler is asked, with the same answers', async () => {
  const kernel = await someKernel();
  const runtimeFolder = temporaryFolder();
  const questions: FeatureQuestion[] = [
    { name: 'HAVE_STATE', member: 'task_struct.__state' },
    { name: 'HAVE_OTHER', member: 'task_struct.no_such_member' },
    { name: 'HAVE_TASK', struct: 'task_struct' },
    { name: 'HAVE_NONE', struct: 'no_such_struct' },
    { name: 'HAVE_ONE', prototype: 'wake_up_process', parameters: 1 },
    { name: 'HAVE_TWO', prototype: 'wake_up_process', parameters: 2 },
    { name: 'HAVE_INT', prototype: 'wake_up_process', result: 'int' },
    { name: 'HAVE_VOID', prototype: 'wake_up_process', result: 'void' },
    { name: 'HAVE_TYPE', prototype: 'wake_up_process', parameters: ['struct task_struct *'], result: 'int' },
  ];
  writeFileSync(join(runtimeFolder, 'features.json'), JSON.stringify(questions));
  const work = temporaryFolder();
  mkdirSync(work, { recursive: true });
  const answers = await resolveFeatures({ kernel, runtimeFolder, source: undefined, work }, quietContext());
  expect(answers.filter(({ value }) => value).map(({ name }) => name)).toEqual([
    'HAVE_STATE',
    'HAVE_TASK',
    'HAVE_ONE',
    'HAVE_INT',
    'HAVE_TYPE',
  ]);
});
