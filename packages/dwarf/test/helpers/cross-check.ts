// Compares what this package reads of a file with what readelf, objdump, addr2line and bpftool print of it. The tools'
// output is read line by line and never held whole, so that it may be that of a kernel. Used by a test on small files, and
// by tools/cross-check.mjs on large ones.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import {
  type Btf,
  type CfaRule,
  type Die,
  DW_AT,
  Dwarf,
  type ElfFile,
  type ElfSymbols,
  frameTables,
  openElf,
  type RegisterRule,
  symbolize,
  tagName,
} from '../../src/index.js';

/** What a comparison came to. */
export interface Comparison {
  readonly what: string;
  /** How many items both sides were asked for. */
  readonly compared: number;
  readonly differences: number;
  /** The first few differences, in words. */
  readonly examples: readonly string[];
}

export interface Limits {
  /** Compare no more items than these, from the start; all by default. */
  readonly most?: number;
}

/** The lines that a tool prints; ending the loop ends the tool. */
async function* linesOf(tool: string, args: readonly string[], input?: string): AsyncGenerator<string> {
  // bpftool lies where only root's PATH leads.
  const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn(tool, args, { stdio: ['pipe', 'pipe', 'ignore'], env });
  const failed = new Promise<never>((_, reject) => child.on('error', reject));
  failed.catch(() => {});
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) yield line;
    if (child.pid === undefined) await failed;
  } finally {
    child.kill('SIGKILL');
  }
}

/** Compares two lists item by item, in order. */
async function compare(
  what: string,
  own: Iterable<string>,
  shown: AsyncIterable<string>,
  limits: Limits = {},
  same: (own: string, shown: string) => boolean = (a, b) => a === b,
): Promise<Comparison> {
  const most = limits.most ?? Number.POSITIVE_INFINITY;
  const ours = own[Symbol.iterator]();
  let compared = 0;
  let differences = 0;
  const examples: string[] = [];
  const differ = (text: string) => {
    differences += 1;
    if (examples.length < 5) examples.push(text);
  };
  for await (const item of shown) {
    if (compared >= most) return { what, compared, differences, examples };
    const { value, done } = ours.next();
    compared += 1;
    if (done) differ(`only the tool has: ${item}`);
    else if (!same(value, item)) differ(`ours: ${value}\n  theirs: ${item}`);
  }
  for (let rest = ours.next(); !rest.done && compared < most; rest = ours.next()) {
    compared += 1;
    differ(`only we have: ${rest.value}`);
  }
  return { what, compared, differences, examples };
}

const hex = (value: bigint | number) => value.toString(16);
const bytes64 = (text: string) => BigInt(`0x${text}`);

export function compareSections(elf: ElfFile): Promise<Comparison> {
  async function* shown() {
    for await (const line of linesOf('readelf', ['-SW', elf.name])) {
      const m = /^\s*\[\s*(\d+)\] (\S*)\s+[A-Z_0-9]+\s+([0-9a-f]{8,16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]{2,}) /.exec(
        line,
      );
      if (m && m[1] !== '0')
        yield `${m[1]} ${m[2]} ${hex(bytes64(m[3]!))} ${hex(bytes64(m[4]!))} ${hex(bytes64(m[5]!))}`;
    }
  }
  const own = elf.sections
    .filter((section) => section.index > 0)
    .map(
      (section) =>
        `${section.index} ${section.name} ${hex(section.address)} ${hex(section.offset)} ${hex(section.size)}`,
    );
  return compare('sections', own, shown());
}

const SYMBOL_TYPES = ['NOTYPE', 'OBJECT', 'FUNC', 'SECTION', 'FILE', 'COMMON', 'TLS'];
const BINDINGS = ['LOCAL', 'GLOBAL', 'WEAK'];

export function compareSymbols(elf: ElfFile, table: '.symtab' | '.dynsym', limits?: Limits): Promise<Comparison> {
  async function* shown() {
    let inside = false;
    for await (const line of linesOf('readelf', ['-sW', elf.name])) {
      const head = /^Symbol table '(.*)' contains/.exec(line);
      if (head) inside = head[1] === table;
      if (!inside) continue;
      const m = /^\s*(\d+): ([0-9a-f]+)\s+(\w+) (\S+)\s+(\S+)\s+\S+\s+(?:\[.*\]\s+)?(\S+)(?: (.*))?$/.exec(line);
      if (!m || m[1] === '0') continue;
      const section = m[6] === 'UND' ? 0 : m[6] === 'ABS' ? 0xfff1 : m[6] === 'COM' ? 0xfff2 : Number(m[6]);
      const name = (m[7] ?? '').replace(/@.*$/, '').trim();
      // A section's symbol has no name of its own.
      const own = m[4] === 'SECTION' ? '' : name;
      yield `${m[1]} ${hex(bytes64(m[2]!))} ${Number(m[3])} ${m[4]} ${m[5]} ${section} ${own}`;
    }
  }
  function* own(symbols: ElfSymbols) {
    for (const symbol of symbols) {
      const type = symbol.type === 10 ? 'IFUNC' : (SYMBOL_TYPES[symbol.type] ?? '?');
      const binding = symbol.binding === 10 ? 'UNIQUE' : (BINDINGS[symbol.binding] ?? '?');
      const name = type === 'SECTION' ? '' : symbol.name.replace(/@.*$/, '');
      yield `${symbol.index} ${hex(symbol.value)} ${symbol.size} ${type} ${binding} ${symbol.section} ${name}`;
    }
  }
  return compare(table, own(table === '.symtab' ? elf.symbols() : elf.dynamicSymbols()), shown(), limits);
}

/** Owners and sizes of notes, but for annobin's, whose owners are data. */
export function compareNotes(elf: ElfFile): Promise<Comparison> {
  async function* shown() {
    for await (const line of linesOf('readelf', ['-nW', elf.name])) {
      const m = /^ {2}(\S.*?)\s+0x([0-9a-f]{8})\s/.exec(line);
      if (m && !m[1]!.startsWith('GA')) yield `${m[1]} ${Number.parseInt(m[2]!, 16)}`;
      const id = /Build ID: ([0-9a-f]+)/.exec(line);
      if (id) yield `build id ${id[1]}`;
    }
  }
  const own = elf
    .notes()
    .filter((note) => !note.owner.startsWith('GA'))
    .flatMap((note) => [
      `${note.owner} ${note.description.length}`,
      ...(note.owner === 'GNU' && note.type === 3 ? [`build id ${elf.buildId()}`] : []),
    ]);
  return compare('notes', own, shown());
}

/** Every entry's offset and tag, in order. */
export function compareEntries(dwarf: Dwarf, limits?: Limits): Promise<Comparison> {
  async function* shown() {
    for await (const line of linesOf('readelf', ['--debug-dump=info', '-W', dwarf.elf.name])) {
      const m = /^\s*<[0-9a-f]+><([0-9a-f]+)>: Abbrev Number: \d+ \((DW_TAG_\w+)/.exec(line);
      if (m) yield `${m[1]} ${m[2]}`;
    }
  }
  function* own() {
    const text = (die: Die) =>
      `${hex(die.offset)} ${tagName(die.tag).replace(/^(DW_TAG_template_\w+_param)eter$/, '$1')}`;
    for (const unit of dwarf.units()) {
      if (unit.section !== '.debug_info') continue;
      yield text(unit.root);
      for (const die of unit.root.descendants()) yield text(die);
      unit.release();
    }
  }
  return compare('entries', own(), shown(), limits);
}

/** Every row of every line table: line, address, whether a statement starts there. */
export function compareLines(dwarf: Dwarf, limits?: Limits): Promise<Comparison> {
  async function* shown() {
    for await (const line of linesOf('objdump', ['--dwarf=decodedline', dwarf.elf.name])) {
      const m = /^\S.*?\s+(\d+|-)\s+(0x[0-9a-f]+|0)(?:\s+\d+)?(\s+x)?(\s+END)?\s*$/.exec(line);
      if (!m) continue;
      const end = m[1] === '-' || m[4] !== undefined;
      yield end ? `end ${hex(BigInt(m[2]!))}` : `${m[1]} ${hex(BigInt(m[2]!))} ${m[3] ? 'x' : ''}`;
    }
  }
  function* own() {
    const seen = new Set<number>();
    const tables = dwarf.units().flatMap((unit) => {
      const offset = unit.root.number(DW_AT.stmt_list);
      unit.release();
      if (offset === undefined || seen.has(offset)) return [];
      seen.add(offset);
      return [{ unit, offset }];
    });
    tables.sort((a, b) => a.offset - b.offset);
    for (const { unit } of tables) {
      for (const row of unit.lines()!) {
        yield row.endSequence
          ? `end ${hex(row.address)}`
          : `${row.line} ${hex(row.address)} ${row.isStatement ? 'x' : ''}`;
      }
      unit.release();
    }
  }
  return compare('line rows', own(), shown(), limits);
}

const REGISTERS = 'rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

function registerText(number: number, returnRegister: number): string {
  return number === returnRegister ? 'ra' : (REGISTERS[number] ?? `r${number}`);
}

function cfaText(rule: CfaRule, returnRegister: number): string {
  if (rule.kind === 'expression') return 'exp';
  return `${registerText(rule.register, returnRegister)}${rule.offset < 0 ? '' : '+'}${rule.offset}`;
}

function ruleText(rule: RegisterRule | undefined): string {
  switch (rule?.kind) {
    case undefined:
    case 'undefined':
      return 'u';
    case 'same':
      return 's';
    case 'offset':
      return `c${rule.offset < 0 ? '' : '+'}${rule.offset}`;
    case 'value-offset':
      return `v${rule.offset < 0 ? '' : '+'}${rule.offset}`;
    case 'register':
      return `r${rule.register} (${REGISTERS[rule.register] ?? `r${rule.register}`})`;
    case 'expression':
      return 'exp';
    case 'value-expression':
      return 'vexp';
  }
}

/** Every row of call-frame information that readelf works out (x86-64): the address, the CFA and every register. */
export async function compareFrames(elf: ElfFile, limits?: Limits): Promise<Comparison[]> {
  const found: Comparison[] = [];
  for (const table of frameTables(elf)) {
    const name = table.section.name;
    // readelf prints an entry's rows only where its program does something; such entries are told by their offset.
    let own: Generator<string> | undefined;
    const entries = table[Symbol.iterator]();
    function* rowsOf(offset: number, columns: readonly string[]) {
      for (let next = entries.next(); !next.done; next = entries.next()) {
        const fde = next.value;
        if (fde.offset !== offset) continue;
        const returnRegister = fde.common.returnAddressRegister;
        for (const row of table.rows(fde)) {
          const cells = columns.map((column) => {
            for (const [register, rule] of row.registers) {
              if (registerText(register, returnRegister) === column) return ruleText(rule);
            }
            return 'u';
          });
          yield `${hex(row.address)} ${cfaText(row.cfa, returnRegister)} ${cells.join(' ')}`;
        }
        return;
      }
    }
    let compared = 0;
    let differences = 0;
    const examples: string[] = [];
    const check = (ours: string | undefined, theirs: string | undefined) => {
      compared += 1;
      if (ours === theirs) return;
      differences += 1;
      if (examples.length < 5) examples.push(`ours: ${ours}\n  theirs: ${theirs}`);
    };
    const finish = () => {
      if (own) for (const rest of own) check(rest, undefined);
      own = undefined;
    };
    let entry: number | undefined;
    let inside = false;
    for await (const line of linesOf('readelf', ['--debug-dump=frames-interp', '-W', elf.name])) {
      if (compared >= (limits?.most ?? Number.POSITIVE_INFINITY)) {
        own = undefined;
        break;
      }
      const section = /^Contents of the (\S+) section/.exec(line);
      if (section) {
        finish();
        inside = section[1] === name;
      }
      if (!inside) continue;
      const head = /^([0-9a-f]+) (?:ZERO|[0-9a-f]+ [0-9a-f]+ (?:CIE|(FDE)))/.exec(line);
      if (head) {
        finish();
        entry = head[2] === undefined ? undefined : Number.parseInt(head[1]!, 16);
        continue;
      }
      const columns = /^\s+LOC\s+CFA\s+(.*)$/.exec(line);
      if (columns) {
        own = entry === undefined ? undefined : rowsOf(entry, columns[1]!.trim().split(/\s+/));
        continue;
      }
      const row = /^([0-9a-f]{8,16}) (\S+)\s+(.*)$/.exec(line);
      if (row && own)
        check(
          own.next().value ?? undefined,
          `${hex(bytes64(row[1]!))} ${row[2]} ${row[3]!.trim().split(/\s+/).join(' ')}`,
        );
    }
    finish();
    found.push({ what: `rows of ${name}`, compared, differences, examples });
  }
  return found;
}

/** Functions, files and lines of addresses, with every inlined call. */
export async function compareAddresses(dwarf: Dwarf, addresses: readonly bigint[]): Promise<Comparison> {
  const short = (path: string | undefined) => (path === undefined ? '??' : path.replace(/.*\//, ''));
  async function* shown() {
    const input = `${addresses.map((address) => `0x${hex(address)}`).join('\n')}\n`;
    let name: string | undefined;
    let frames: string[] | undefined;
    for await (const line of linesOf('addr2line', ['-aifse', dwarf.elf.name], input)) {
      const head = /^0x([0-9a-f]+)$/.exec(line);
      if (head) {
        if (frames) yield frames.join(', ');
        frames = [hex(bytes64(head[1]!))];
        name = undefined;
      } else if (name === undefined) name = line;
      else {
        const place = line.replace(/ \(discriminator \d+\)$/, '').replace(/:(0|\?)$/, ':?');
        // Of code without debug information it knows the symbol.
        if (place !== '??:?') frames?.push(`${name} ${place}`);
        name = undefined;
      }
    }
    if (frames) yield frames.join(', ');
  }
  function* own() {
    for (const address of addresses) {
      // Code without a function of its own (assembly) is called by its symbol, as the tool does.
      const name = () => dwarf.elf.symbols().functionAt(address)?.name;
      const frames = symbolize(dwarf, address).map(
        (one) => `${one.function ?? name()} ${short(one.file)}:${one.line || '?'}`,
      );
      yield [hex(address), ...frames].join(', ');
    }
  }
  // addr2line of binutils 2.40 names for some functions of headers the unit's own file: llvm-symbolizer does not.
  const unitsFile = (text: string) => {
    const unit = dwarf.unitForAddress(bytes64(/^[0-9a-f]+/.exec(text)![0]));
    return text.replace(/^([0-9a-f]+, \S+ )[^:]*/, `$1${short(unit?.name)}`);
  };
  // Where there is no debug information it takes the file from the symbol before a local one, or names none.
  const bySymbolAlone = (text: string) => text.replace(/^([0-9a-f]+), \S+ [^: ]*:\?$/, '$1');
  return compare(
    'addresses',
    own(),
    shown(),
    {},
    (a, b) => a === b || unitsFile(a) === b || (/^[0-9a-f]+$/.test(a) && bySymbolAlone(b) === a),
  );
}

/** Every type of a BTF blob, in bpftool's words. */
export function compareBtf(btf: Btf, file: string, baseFile?: string): Promise<Comparison> {
  const base = baseFile === undefined ? [] : ['-B', baseFile];
  async function* shown() {
    let text = '';
    for await (const line of linesOf('bpftool', [...base, 'btf', 'dump', 'file', file])) {
      if (line.startsWith('[')) {
        if (text !== '') yield text;
        text = line;
        // A section's variables are named in brackets behind them.
      } else text += `; ${line.trim().replace(/ \(\w+ '.*'\)$/, '')}`;
    }
    if (text !== '') yield text;
  }
  function* own() {
    for (let id = btf.firstId; id < btf.endId; id++) yield btfText(btf, id);
  }
  return compare('types', own(), shown());
}

function btfText(btf: Btf, id: number): string {
  const type = btf.type(id)!;
  const quoted = (name: string) => `'${name || '(anon)'}'`;
  const head = (kind: string, name = '') => `[${id}] ${kind} ${quoted(name)}`;
  switch (type.kind) {
    case 'int': {
      // gcc says of a char that it is both, which the tool has no word for.
      const encoding =
        type.signed && type.char ? 'UNKN' : type.signed ? 'SIGNED' : type.char ? 'CHAR' : type.bool ? 'BOOL' : '(none)';
      return `${head('INT', type.name)} size=${type.size} bits_offset=${type.bitOffset} nr_bits=${type.bits} encoding=${encoding}`;
    }
    case 'pointer':
      return `${head('PTR')} type_id=${type.target}`;
    case 'volatile':
    case 'const':
    case 'restrict':
      return `${head(type.kind.toUpperCase())} type_id=${type.target}`;
    case 'type-tag':
      return `${head('TYPE_TAG', type.name)} type_id=${type.target}`;
    case 'typedef':
      return `${head('TYPEDEF', type.name)} type_id=${type.target}`;
    case 'array':
      return `${head('ARRAY')} type_id=${type.element} index_type_id=${type.index} nr_elems=${type.length}`;
    case 'struct':
    case 'union': {
      const members = type.members.map(
        (member) =>
          `; ${quoted(member.name)} type_id=${member.type} bits_offset=${member.bitOffset}` +
          (member.bitSize ? ` bitfield_size=${member.bitSize}` : ''),
      );
      return `${head(type.kind.toUpperCase(), type.name)} size=${type.size} vlen=${members.length}${members.join('')}`;
    }
    case 'enum': {
      const wide = type.size === 8;
      const values = type.values.map(
        ({ name, value }) => `; ${quoted(name)} val=${value}${wide ? (type.signed ? 'LL' : 'ULL') : ''}`,
      );
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      return `${head(wide ? 'ENUM64' : 'ENUM', type.name)} encoding=${encoding} size=${type.size} vlen=${values.length}${values.join('')}`;
    }
    case 'forward':
      return `${head('FWD', type.name)} fwd_kind=${type.of}`;
    case 'function':
      return `${head('FUNC', type.name)} type_id=${type.prototype} linkage=${type.linkage}`;
    case 'prototype': {
      const parameters = type.parameters.map((one) => `; ${quoted(one.name)} type_id=${one.type}`);
      if (type.variadic) parameters.push("; '(anon)' type_id=0");
      return `${head('FUNC_PROTO')} ret_type_id=${type.result} vlen=${parameters.length}${parameters.join('')}`;
    }
    case 'variable':
      return `${head('VAR', type.name)} type_id=${type.type}, linkage=${type.linkage}`;
    case 'data-section': {
      const variables = type.variables.map((one) => `; type_id=${one.type} offset=${one.offset} size=${one.size}`);
      return `${head('DATASEC', type.name)} size=${type.size} vlen=${variables.length}${variables.join('')}`;
    }
    case 'float':
      return `${head('FLOAT', type.name)} size=${type.size}`;
    case 'declaration-tag':
      return `${head('DECL_TAG', type.name)} type_id=${type.target} component_idx=${type.component}`;
  }
}

/** Addresses spread evenly over the functions of a symbol table. */
export function sampleAddresses(elf: ElfFile, count: number): bigint[] {
  const functions = [...elf.symbols()].filter((symbol) => symbol.type === 2 && symbol.size > 0 && symbol.section > 0);
  const step = Math.max(1, Math.floor(functions.length / count));
  return functions
    .filter((_, index) => index % step === 0)
    .map((symbol, index) => symbol.value + BigInt((index * 7) % symbol.size));
}

/** All comparisons that a file allows. */
export async function crossCheck(
  path: string,
  limits: Limits & { readonly addresses?: number; readonly base?: { readonly file: string; readonly btf: Btf } } = {},
  parse?: (bytes: Uint8Array, name: string, base?: Btf) => Btf,
): Promise<Comparison[]> {
  const elf = openElf(path);
  try {
    const found = [
      await compareSections(elf),
      ...(elf.section('.symtab') ? [await compareSymbols(elf, '.symtab', limits)] : []),
      await compareSymbols(elf, '.dynsym', limits),
      await compareNotes(elf),
    ];
    if (elf.architecture === 'x86_64') found.push(...(await compareFrames(elf, limits)));
    const dwarf = new Dwarf(elf);
    if (dwarf.present) {
      found.push(await compareEntries(dwarf, limits), await compareLines(dwarf, limits));
      // Functions of a relocatable file share addresses, and addr2line has its own idea of which is meant.
      if (elf.type !== 1) found.push(await compareAddresses(dwarf, sampleAddresses(elf, limits.addresses ?? 500)));
    }
    const section = elf.section('.BTF');
    if (section && parse) {
      const btf = parse(elf.sectionBytes(section), path, limits.base?.btf);
      found.push(await compareBtf(btf, path, limits.base?.file));
    }
    return found.filter((one) => one.compared > 0);
  } finally {
    elf.close();
  }
}
