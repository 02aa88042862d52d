// Writes stp/x86_64/syscall_*.stp, the syscall.* and nd_syscall.* aliases, from the table in syscalls.txt. Run it after a
// change of the table; a test checks that both agree.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Where the entry code of x86-64 leaves the arguments (arch/x86/entry/calling.h).
const REGISTERS = ['di', 'si', 'dx', 'r10', 'r8', 'r9'];

const NAMES = new Set(['type', 'name', 'description', 'value']);

/** What an argument adds to an alias: its variables, and its part of argstr. */
function describe({ name, kind }, register) {
  const raw = `@__syscall_registers->${register}`;
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
        format: name === 'count' || name === 'len' || name === 'size' ? '%u' : '%#x',
        value: name,
      };
    case 'p':
      return { lines: [`${name}_uaddr = ${raw}`], format: '%#x', value: `${name}_uaddr` };
    case 'o':
      return { lines: [`${name} = ${raw} & 0177777`], format: '%#o', value: name };
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
        lines: [`${name} = __syscall_int(${raw})`, `${name}_str = signal_str(${name})`, `${name}_name = ${name}_str`],
        format: '%s',
        value: `${name}_str`,
      };
    case 'f':
      return {
        lines: [`${name} = ${raw} & 0xffffffff`, `${name}_str = sprintf("%#x", ${name})`],
        format: '%s',
        value: `${name}_str`,
      };
    case 'c':
      return {
        lines: [`${name} = __syscall_int(${raw})`, `${name}_str = sprintf("%d", ${name})`],
        format: '%s',
        value: `${name}_str`,
      };
    default:
      throw new Error(`syscalls.txt: unknown kind "${kind}" of "${name}"`);
  }
}

/**
 * Makes the files of the aliases, one a call: a script that uses one call then reads only that.
 *
 * @param {string} table the text of syscalls.txt
 * @returns {Map<string, string>} file name → text
 */
export function buildSyscalls(table) {
  const files = new Map();
  for (const line of table.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [head, ...words] = line.split(' ');
    const [name, symbol = head] = head.split('=');
    const args = words.map((word) => {
      const [argument, kind] = word.split(':');
      return { name: argument, kind };
    });
    const described = args.map((argument, index) => describe(argument, REGISTERS[index]));
    const argstr =
      described.length === 0
        ? '""'
        : `sprintf("${described.map((one) => one.format).join(', ')}", ${described.map((one) => one.value).join(', ')})`;
    const body = [`name = "${name}"`, ...described.flatMap((one) => one.lines), `argstr = ${argstr}`];
    // A call without arguments may only be there under its inner name.
    const point = (suffix) =>
      described.length > 0
        ? `kernel.function("__x64_sys_${symbol}")${suffix}`
        : `kernel.function("__x64_sys_${symbol}")${suffix}!, kernel.function("__do_sys_${symbol}")${suffix}`;
    const variables = described
      .flatMap((one) => one.lines)
      .map((one) => ` * @${one.slice(0, one.indexOf(' '))}: An argument\n`);
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
 * @ret: The result, or a negative error number
 * @retstr: The same as text
 */
probe syscall.${name}.return = ${point('.return')}
{
  name = "${name}"
  ret = $return
  retstr = return_str(${name === 'mmap2' || name === 'brk' || name === 'mremap' || name === 'shmat' ? 2 : 1}, $return)
}

probe nd_syscall.${name} = syscall.${name} { }
probe nd_syscall.${name}.return = syscall.${name}.return { }
`,
    );
  }
  return files;
}

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(here('../stp/x86_64'), { recursive: true });
  for (const [name, text] of buildSyscalls(readFileSync(here('./syscalls.txt'), 'utf8'))) {
    writeFileSync(here(`../stp/x86_64/${name}`), text);
  }
}
