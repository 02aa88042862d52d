// What can be set when a module is loaded, `stap -G` and `staprun NAME=VALUE`: the script's own globals that hold a number or
// a string, and the limits that the runtime reads then (packages/runtime/src/parameter.c).
import { LIMITS } from './limits.js';
import { nearestNames } from './suggest.js';

/** A global of the user's script. */
export interface ScriptGlobal {
  readonly name: string;
  readonly type: 'long' | 'string' | 'statistic';
  /** True for an array. */
  readonly keyed: boolean;
}

/** The limits with a name of SystemTap's that are read when a module is loaded. */
const SYSTEMTAP_LIMITS = [...Object.keys(LIMITS).filter((name) => name !== 'MAXUPROBES'), 'HIST_ELISION'];

/** All of them. */
export const LOADED_LIMITS: readonly string[] = [
  ...SYSTEMTAP_LIMITS,
  'STAPKIT_BUFFER',
  'STAPKIT_SUPPRESS_ERRORS',
  'STAPKIT_SUPPRESS_TIME_LIMITS',
];

/** STAPKIT_STRING_LEAST and STAPKIT_STRING_MOST of stapkit_abi.h. */
const STRING_SIZES = [16n, 65_536n] as const;

/** Why something can't be set. */
export interface SettingFault {
  readonly message: string;
  readonly hints: readonly string[];
}

/**
 * Says what is wrong with setting one name when the module is loaded.
 *
 * @param globals those of the user's script; the tapset's can't be set
 * @param stringSize MAXSTRINGLEN of the module, bytes
 * @returns undefined where nothing is
 */
export function settingFault(
  name: string,
  value: string,
  globals: readonly ScriptGlobal[],
  stringSize: number,
): SettingFault | undefined {
  const named = globals.filter((global) => global.name === name);
  const [global] = named;
  if (!global) return LOADED_LIMITS.includes(name) ? limitFault(name, value) : unknownName(name, globals);
  if (named.length > 1) {
    return {
      message: `can't set "${name}": the script has ${named.length} private globals of this name`,
      hints: ['give them different names'],
    };
  }
  if (!isSettable(global)) {
    const what = global.keyed ? 'an array' : 'a statistic';
    return { message: `can't set "${name}": it is ${what}; numbers and strings can be set`, hints: settable(globals) };
  }
  if (global.type === 'long') {
    const number = wholeNumber(value);
    if (number !== undefined && number >= -(2n ** 63n) && number < 2n ** 64n) return undefined;
    return { message: `can't set "${name}" to "${value}": it holds a number of 64 bits`, hints: NUMBER_FORMS };
  }
  const length = new TextEncoder().encode(value).length;
  if (length < stringSize) return undefined;
  return {
    message: `can't set "${name}" to ${length} bytes: a string holds ${stringSize - 1} at most`,
    hints: [
      `-DMAXSTRINGLEN=${length + 1} makes room when the module is made, MAXSTRINGLEN=${length + 1} when it is loaded`,
    ],
  };
}

const NUMBER_FORMS = ['numbers are written as 10, -10, 0x1f or, octal, 017'];

function isSettable({ type, keyed }: ScriptGlobal): boolean {
  return !keyed && type !== 'statistic';
}

function settable(globals: readonly ScriptGlobal[]): string[] {
  const names = globals.filter(isSettable).map(({ name }) => name);
  return names.length === 0 ? [] : [`its globals that can be set: ${names.join(', ')}`];
}

function unknownName(name: string, globals: readonly ScriptGlobal[]): SettingFault {
  const near = nearestNames(name, [...globals.filter(isSettable).map((global) => global.name), ...SYSTEMTAP_LIMITS], 3);
  const others = settable(globals);
  return {
    message: `can't set "${name}": the script has no such global variable`,
    hints: [
      ...(near.length > 0 ? [`did you mean ${near.join(' or ')}?`] : []),
      ...(others.length > 0 ? others : ['it has no global variable that can be set']),
    ],
  };
}

function limitFault(name: string, value: string): SettingFault | undefined {
  const number = wholeNumber(value);
  const [least, most] =
    name === 'MAXSTRINGLEN' ? STRING_SIZES : [name === 'HIST_ELISION' ? -(2n ** 63n) : 0n, 2n ** 63n - 1n];
  if (number !== undefined && number >= least && number <= most) return undefined;
  const range = name === 'MAXSTRINGLEN' ? ` from ${least} to ${most}` : least === 0n ? ' from 0' : '';
  return { message: `can't set the limit ${name} to "${value}": it is a number${range}`, hints: NUMBER_FORMS };
}

/** Reads a number as the kernel does, kstrtos64() with base 0. */
function wholeNumber(text: string): bigint | undefined {
  const match = /^([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.exec(text);
  if (!match) return undefined;
  const [, sign, digits = ''] = match;
  const octal = /^0[0-7]/.test(digits);
  const size = BigInt(octal ? `0o${digits.slice(1)}` : digits.toLowerCase());
  return sign === '-' ? -size : size;
}

/** How a module's information names the globals of its script: `n:long,a:long[],s:statistic`. */
export function formatScriptGlobals(globals: readonly ScriptGlobal[]): string {
  return globals.map(({ name, type, keyed }) => `${name}:${type}${keyed ? '[]' : ''}`).join(',');
}

/** Reads what formatScriptGlobals has written. */
export function parseScriptGlobals(text: string): ScriptGlobal[] {
  return [...text.matchAll(/(\w+):(long|string|statistic)(\[\])?/g)].map(([, name, type, keys]) => ({
    name: name!,
    type: type as ScriptGlobal['type'],
    keyed: keys !== undefined,
  }));
}
