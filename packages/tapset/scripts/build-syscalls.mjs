// Writes stp/x86_64/syscall_*.stp, the syscall.* and nd_syscall.* aliases, from the tables in syscalls.txt and
// syscall-constants.txt. Run it after a change of a table; a test checks that both agree.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Where the entry code of x86-64 leaves the arguments (arch/x86/entry/calling.h).
const REGISTERS = ['di', 'si', 'dx', 'r10', 'r8', 'r9'];

const REGISTER = '@__syscall_registers->';

/** So many bytes of what a call writes are shown. */
const MOST_BYTES = 45;

/** Numbers that count something. */
const COUNTS = new Set(['count', 'len', 'length', 'size', 'sigsetsize']);

/** Calls whose last argument counts only where a file may be made. */
const OPENS = new Set(['open', 'openat']);
const O_CREAT_OR_TMPFILE = '0x400040';

/** Calls whose alias stands for a later call of the same kind too; its variable `name` tells which it was. */
const ALSO = [
  ['pipe', 'pipe2'],
  ['getdents', 'getdents64'],
];

/** Variables that hold the words of execve(2). */
const VECTORS = { argv: 'args', envp: 'env_str' };

const NAMES = new Set(['type', 'name', 'description', 'value', 'new_root', 'old_root', 'domainname']);

/** Where the argument behind another is. */
const next = (register) => REGISTERS[REGISTERS.indexOf(register) + 1];

/** What an argument adds to an alias: its variables, and its part of argstr. */
function describe({ name, kind, table }, register) {
  const raw = `${REGISTER}${register}`;
  switch (kind) {
    case 'd':
      return { lines: [`${name} = __syscall_int(${raw})`], format: '%d', value: name };
    case 'u':
      return { lines: [`${name} = ${raw} & 0xffffffff`], format: '%u', value: name };
    case 'l':
      return { lines: [`${name} = ${raw}`], format: '%d', value: name };
    case 'x':
      return {
        lines: [`${name} = ${raw}`],
        format: COUNTS.has(name) ? '%u' : '%#x',
        value: name,
      };
    case 'p':
      return { lines: [`${name}_uaddr = ${raw}`], format: '%#x', value: `${name}_uaddr` };
    case 'o':
      return { lines: [`${name} = ${raw} & 0177777`], format: '%#o', value: name };
    case 'm':
      return {
        lines: [`${name} = ${raw} & 0177777`, `${name}_str = __syscall_file_mode(${name})`],
        format: '%s',
        value: `${name}_str`,
      };
    case 's': {
      // `name` is the call's own name, so a string argument of that name goes by name_str.
      const variable = NAMES.has(name) ? `${name}_str` : name;
      return {
        lines: [
          `${name}_uaddr = ${raw}`,
          `${variable}_unquoted = user_string_nofault(${name}_uaddr)`,
          `${variable} = user_string_quoted(${name}_uaddr)`,
        ],
        format: '%s',
        value: variable,
      };
    }
    case 'e':
      return {
        lines: [`${name} = __syscall_int(${raw})`, `${name}_str = __syscall_folder(${name})`],
        format: '%s',
        value: `${name}_str`,
      };
    case 'g':
      return {
        lines: [
          `${name} = __syscall_int(${raw})`,
          `${name}_str = __syscall_signal(${name})`,
          `${name}_name = ${name}_str`,
        ],
        format: '%s',
        value: `${name}_str`,
      };
    case 'f':
      return {
        lines: [
          `${name} = ${raw} & 0xffffffff`,
          `${name}_str = ${table ? `__syscall_flags_${table}(${name})` : `sprintf("%#x", ${name})`}`,
        ],
        format: '%s',
        value: `${name}_str`,
      };
    case 'S':
      return {
        lines: [
          `${name} = ${raw}`,
          `${name}_uaddr = ${raw}`,
          `${name}_str_unquoted = user_string_nofault(${name})`,
          `${name}_str = user_string_quoted(${name})`,
        ],
        format: '%s',
        value: `${name}_str`,
      };
    case 'j':
    case 'J': {
      const variable = kind === 'J' ? name : `${name}_uaddr`;
      return {
        lines: [`${variable} = ${raw}`, `${name}_str = __syscall_${table}(${variable})`],
        format: '%s',
        value: `${name}_str`,
      };
    }
    case 'b':
      // The bytes that go out, as many as the argument behind them says.
      return {
        lines: [
          `${name}_uaddr = ${raw}`,
          `${name}_str = user_buffer_quoted(${name}_uaddr, ${REGISTER}${next(register)}, ${MOST_BYTES})`,
        ],
        format: '%s',
        value: `${name}_str`,
      };
    case 't':
      return {
        lines: [`${name}_uaddr = ${raw}`, `${name}_str = __syscall_timespec(${name}_uaddr)`],
        format: '%s',
        value: `${name}_str`,
      };
    case 'T':
      return {
        lines: [`${name}_uaddr = ${raw}`, `${name}_str = __syscall_timeval(${name}_uaddr)`],
        format: '%s',
        value: `${name}_str`,
      };
    case 'a':
      // An address of a socket; its length is the argument behind it.
      return {
        lines: [
          `${name}_uaddr = ${raw}`,
          `${name}_str = __syscall_address(${name}_uaddr, ${REGISTER}${next(register)})`,
        ],
        format: '%s',
        value: `${name}_str`,
      };
    case 'v':
      return {
        lines: [`${name}_uaddr = ${raw}`, `${VECTORS[name]} = __syscall_vector(${name}_uaddr)`],
        format: '%s',
        value: VECTORS[name],
      };
    case 'c':
      return {
        lines: [
          `${name} = __syscall_int(${raw})`,
          `${name}_str = ${table ? `__syscall_enum_${table}(${name})` : `sprintf("%d", ${name})`}`,
        ],
        format: '%s',
        value: `${name}_str`,
      };
    default:
      throw new Error(`syscalls.txt: unknown kind "${kind}" of "${name}"`);
  }
}

/**
 * Makes the files of the functions that put constants into words, one a table.
 *
 * @param {string} constants the text of syscall-constants.txt
 * @returns {Map<string, string>} file name → text
 */
function buildConstants(constants) {
  const files = new Map();
  for (const line of constants.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [kind, table, ...words] = line.split(' ');
    const mask = words[0].startsWith('mask=') ? words.shift().slice(5) : undefined;
    const bar = words.indexOf('|');
    const entries = (some) => some.map((word) => word.split('='));
    const body =
      kind === 'enum'
        ? [...choose(entries(words), 'value'), 'return sprintf("%#x", value)']
        : collect(mask, entries(words.slice(0, Math.max(bar, 0))), entries(words.slice(bar + 1)));
    files.set(
      `syscall_${kind}_${table}.stp`,
      `// Names of constants. Made by scripts/build-syscalls.mjs from scripts/syscall-constants.txt; do not edit it.

function __syscall_${kind}_${table}:string (value:long)
{
${body.map((one) => `  ${one}`).join('\n')}
}
`,
    );
  }
  return files;
}

function choose(entries, variable) {
  return entries.map(([name, value]) => `if (${variable} == ${value}) return "${name}"`);
}

// A script's global variables are seen in the tapset too: local names begin with two underlines.
function collect(mask, numbers, bits) {
  const none = bits.find(([, value]) => value === '0')?.[0];
  const lines = ['__text = ""'];
  if (mask) {
    for (const [index, [name, value]] of numbers.entries()) {
      lines.push(`${index > 0 ? 'else ' : ''}if ((value & ${mask}) == ${value}) __text = "|${name}"`);
    }
    lines.push(`if (__text != "") value = value & ~${mask}`);
  }
  for (const [name, bit] of bits) {
    if (bit !== '0') lines.push(`if ((value & ${bit}) == ${bit}) { __text .= "|${name}"; value = value & ~${bit} }`);
  }
  lines.push('if (value) __text .= sprintf("|%#x", value)');
  lines.push(`return __text == "" ? "${none ?? '0x0'}" : substr(__text, 1, strlen(__text))`);
  return lines;
}

/**
 * Makes the files of the aliases, one a call: a script that uses one call then reads only that.
 *
 * @param {string} table the text of syscalls.txt
 * @param {string} constants the text of syscall-constants.txt
 * @returns {Map<string, string>} file name → text
 */
export function buildSyscalls(table, constants) {
  const files = buildConstants(constants);
  // A call's line, and those that add variables to it.
  for (const [line, ...more] of table.split(/\n(?!\+)/).map((part) => part.split('\n+ '))) {
    if (line === '' || line.startsWith('#')) continue;
    const [head, ...words] = line.split(' ');
    const [name, symbol = head] = head.split('=');
    const args = words.map((word) => {
      const [argument, kind] = word.split(':');
      const [letter, table] = kind.split('/');
      return { name: argument, kind: letter, table };
    });
    const described = args.map((argument, index) => describe(argument, REGISTERS[index]));
    const text = (parts) =>
      parts.length === 0
        ? '""'
        : `sprintf("${parts.map((one) => one.format).join(', ')}", ${parts.map((one) => one.value).join(', ')})`;
    // open(2) looks at the mode only where it may make a file.
    const argstr = OPENS.has(name)
      ? `(flags & ${O_CREAT_OR_TMPFILE}) ? ${text(described)} : ${text(described.slice(0, -1))}`
      : text(described);
    const assignments = [...described.flatMap((one) => one.lines), ...more];
    const body = [`name = "${name}"`, ...assignments, `argstr = ${argstr}`];
    // A call without arguments may only be there under its inner name.
    const point = (suffix) =>
      described.length > 0
        ? `kernel.function("__x64_sys_${symbol}")${suffix}`
        : `kernel.function("__x64_sys_${symbol}")${suffix}!, kernel.function("__do_sys_${symbol}")${suffix}`;
    const variables = assignments.map((one) => ` * @${one.slice(0, one.indexOf(' '))}: An argument\n`);
    files.set(
      `syscall_${name}.stp`,
      `// The system call ${name}. Made by scripts/build-syscalls.mjs from scripts/syscalls.txt; do not edit it.

/**
 * probe syscall.${name} - The system call ${name} is entered
 *
 * @name: "${name}"
 * @argstr: The arguments as text
${variables.join('')} */
probe syscall.${name} = ${point('')}
{
${body.map((one) => `  ${one}`).join('\n')}
}

/**
 * probe syscall.${name}.return - The system call ${name} returns
 *
 * @name: "${name}"
 * @retval: The result, or a negative error number
 * @retstr: The same as text
 */
probe syscall.${name}.return = ${point('.return')}
{
  name = "${name}"
  retval = $return
  retstr = return_str(${name === 'mmap2' || name === 'brk' || name === 'mremap' || name === 'shmat' ? 2 : 1}, retval)
}

probe nd_syscall.${name} = syscall.${name} { }
probe nd_syscall.${name}.return = syscall.${name}.return { }
`,
    );
  }
  for (const [call, other] of ALSO) {
    const name = `syscall_${call}.stp`;
    const text = files.get(name);
    const heads = files.get(`syscall_${other}.stp`).match(/^probe syscall\.[^}]*\}\n/gm);
    const more = heads.map((head) => head.replace(`syscall.${other}`, `syscall.${call}`)).join('\n');
    files.set(name, text.replace(`probe nd_syscall.${call} `, `${more}\nprobe nd_syscall.${call} `));
  }
  return files;
}

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(here('../stp/x86_64'), { recursive: true });
  for (const [name, text] of buildSyscalls(
    readFileSync(here('./syscalls.txt'), 'utf8'),
    readFileSync(here('./syscall-constants.txt'), 'utf8'),
  )) {
    writeFileSync(here(`../stp/x86_64/${name}`), text);
  }
}
