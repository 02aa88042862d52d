// input.char and input.line (stapprobes(3stap), INPUT): the script's own standard input. The text is in the local
// variable `char` or `line`, which the binder sets from the point's value.
import type { Family, PointVariable } from './family.js';

function value(name: string): PointVariable[] {
  return [{ name, type: 'string', source: { kind: 'procfs-value' }, group: 'other' }];
}

export const inputFamily: Family = {
  name: 'input',
  points: [
    {
      pattern: 'input.char',
      build: () => [
        {
          name: 'input.char',
          point: { family: 'input' },
          variables: () => ({ return: false, variables: value('char') }),
        },
      ],
    },
    {
      pattern: 'input.line',
      build: () => [
        {
          name: 'input.line',
          point: { family: 'input', line: true },
          variables: () => ({ return: false, variables: value('line') }),
        },
      ],
    },
  ],
};
