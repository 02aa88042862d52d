// What can be set when a module is loaded.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  formatScriptGlobals,
  LOADED_LIMITS,
  parseScriptGlobals,
  type ScriptGlobal,
  settingFault,
} from '../src/index.js';

const GLOBALS: readonly ScriptGlobal[] = [
  { name: 'count', type: 'long', keyed: false },
  { name: 'title', type: 'string', keyed: false },
  { name: 'names', type: 'string', keyed: true },
  { name: 'times', type: 'statistic', keyed: false },
  { name: 'twice', type: 'long', keyed: false },
  { name: 'twice', type: 'string', keyed: false },
  { name: 'MAXERRORS', type: 'string', keyed: false },
];

const fault = (setting: string, stringSize = 16) => {
  const [name = '', ...value] = setting.split('=');
  return settingFault(name, value.join('='), GLOBALS, stringSize);
};

test.each([
  'count=0',
  'count=-9223372036854775808',
  'count=18446744073709551615',
  'count=0xFFFF',
  'count=-017',
  'count=+5',
  'title=',
  'title=ab=c',
  'title=äöüäöüä',
  'MAXACTION=0',
  'MAXSTRINGLEN=0x10',
  'HIST_ELISION=-1',
  'STAPKIT_BUFFER=65536',
  'MAXERRORS=a global',
])('%s can be set', (setting) => {
  expect(fault(setting)).toBeUndefined();
});

test.each([
  ['cuont=1', `can't set "cuont": the script has no such global variable`, 'did you mean count?'],
  ['MAXACTON=1', `can't set "MAXACTON": the script has no such global variable`, 'did you mean MAXACTION'],
  ['zzz=1', `can't set "zzz": the script has no such global variable`, 'its globals that can be set: count, title'],
  ['MAXUPROBES=1', `can't set "MAXUPROBES": the script has no such global variable`, 'its globals'],
  [
    'names=x',
    `can't set "names": it is an array; numbers and strings can be set`,
    'its globals that can be set: count',
  ],
  ['times=1', `can't set "times": it is a statistic; numbers and strings can be set`, 'its globals'],
  ['twice=1', `can't set "twice": the script has 2 private globals of this name`, 'different names'],
  ['count=', `can't set "count" to "": it holds a number of 64 bits`, 'numbers are written as'],
  ['count=ten', `can't set "count" to "ten": it holds a number of 64 bits`, 'numbers are written as'],
  ['count=1.5', `can't set "count" to "1.5": it holds a number of 64 bits`, 'numbers are written as'],
  ['count=08', `can't set "count" to "08": it holds a number of 64 bits`, 'numbers are written as'],
  ['count=18446744073709551616', 'it holds a number of 64 bits', 'numbers are written as'],
  ['count=-9223372036854775809', 'it holds a number of 64 bits', 'numbers are written as'],
  ['title=äöüäöüäö', `can't set "title" to 16 bytes: a string holds 15 at most`, '-DMAXSTRINGLEN=17'],
  ['MAXACTION=-1', `can't set the limit MAXACTION to "-1": it is a number from 0`, 'numbers are written as'],
  ['MAXSTRINGLEN=15', `can't set the limit MAXSTRINGLEN to "15": it is a number from 16 to 65536`, 'numbers'],
  ['HIST_ELISION=x', `can't set the limit HIST_ELISION to "x": it is a number`, 'numbers are written as'],
])('%s is refused', (setting, message, hint) => {
  expect(fault(setting)?.message).toContain(message);
  expect(fault(setting)?.hints.join('\n')).toContain(hint);
});

test('a script without globals says so', () => {
  expect(settingFault('n', '1', [], 16)?.hints).toEqual(['it has no global variable that can be set']);
});

test('the limits are those that the runtime reads when it is loaded', () => {
  const source = readFileSync(new URL('../../runtime/src/parameter.c', import.meta.url), 'utf8');
  const read = [...source.matchAll(/^\tLIMIT\("(\w+)"/gm)].map(([, name]) => name!);
  expect([...LOADED_LIMITS].sort()).toEqual([...read, 'MAXSTRINGLEN'].sort());
});

test('a module’s information names the globals', () => {
  const text = formatScriptGlobals(GLOBALS.slice(0, 4));
  expect(text).toBe('count:long,title:string,names:string[],times:statistic');
  expect(parseScriptGlobals(text)).toEqual(GLOBALS.slice(0, 4));
  expect(parseScriptGlobals('')).toEqual([]);
});
