// Points that take DWARF, over a made-up kernel of four functions.
import { describe, expect, test } from 'vitest';
import type { CodeFunction, CodePlace, CodeSource, SymbolSource } from '../src/index.js';
import { coverageText, formatElaborated, listProbes } from '../src/index.js';
import { elaborateText, kernel } from './helpers.js';

const FILE = 'fs/read_write.c';

function place(name: string, offset: number, more: Partial<CodePlace> = {}): CodePlace {
  return {
    address: String(0x1000 + offset),
    symbol: '_stext',
    offset,
    function: name,
    file: FILE,
    line: 10,
    inline: false,
    entry: false,
    scope: offset,
    ...more,
  };
}

function declared(name: string, line: number, more: Partial<CodeFunction> = {}): CodeFunction {
  return {
    name,
    file: FILE,
    line,
    external: true,
    entries: [],
    parts: [],
    inlined: [],
    copies: more.inlined?.length ?? 0,
    withoutCode: 0,
    ...more,
  };
}

const FUNCTIONS: readonly CodeFunction[] = [
  declared('vfs_read', 10, { entries: [place('vfs_read', 0, { symbol: 'vfs_read', entry: true })] }),
  declared('helper', 30, {
    external: false,
    entries: [place('helper', 0x40, { line: 30, entry: true })],
    inlined: [place('helper', 0x10, { line: 30, inline: true }), place('helper', 0x50, { line: 30, inline: true })],
  }),
  declared('only_inlined', 40, { inlined: [place('only_inlined', 0x20, { line: 40, inline: true })] }),
  declared('noinstr_one', 50, {
    entries: [place('noinstr_one', 0x80, { line: 50, entry: true, unprobeable: 'it must not be instrumented' })],
  }),
  declared('split', 45, {
    parts: [place('split', 0x60, { line: 46, entry: true })],
    inlined: [place('split', 0x24, { line: 45, inline: true })],
  }),
];

function fits(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name);
}

const LINES = [place('vfs_read', 4, { line: 11, scope: 0 }), place('vfs_read', 8, { line: 14, scope: 0 })];

const code: CodeSource = {
  has: (module) => module === undefined,
  functions: ({ name, file, copies }) =>
    FUNCTIONS.filter((one) => fits(name, one.name) && (file === undefined || fits(`*${file}`, one.file))).flatMap(
      (one) => {
        const entries = copies === 'inlined' ? [] : one.entries;
        const inlined = copies === 'entries' ? [] : one.inlined;
        return entries.length + one.parts.length + inlined.length > 0 ? [{ ...one, entries, inlined }] : [];
      },
    ),
  statements: ({ name, lines }) =>
    LINES.filter((one) => {
      if (!fits(name, one.function)) return false;
      if (lines.kind === 'all') return true;
      if (lines.kind === 'relative') return one.line === 10 + lines.offset;
      return lines.lines.some(([from, to]) => from <= one.line && one.line <= to);
    }),
  nearestLines: () => [11, 14],
  labels: (found, pattern) =>
    found.name === 'vfs_read' && fits(pattern, 'out')
      ? [{ name: 'out', place: place('vfs_read', 12, { line: 18 }) }]
      : [],
  calls: (callers) =>
    callers.flatMap((caller): ReturnType<CodeSource['calls']>[number][] => {
      if (caller.function === 'vfs_read') {
        const returns = [{ symbol: '_stext', offset: 6, frame: 24 }];
        return [
          { callee: { ...FUNCTIONS[1]!, inlined: [] }, returns },
          { callee: { ...FUNCTIONS[2]!, entries: [] }, returns: [] },
        ];
      }
      if (caller.function === 'helper') {
        return [
          {
            callee: { ...FUNCTIONS[3]!, entries: [place('deep', 0x90)] },
            returns: [{ symbol: '_stext', offset: 0x44, frame: 16 }],
          },
        ];
      }
      return [];
    }),
  frameOf: () => 8,
  placeAt: (address) => (address === '4100' ? LINES[0] : undefined),
  isStatement: (address) => address === '4100',
  functionAt: () => FUNCTIONS[0],
  symbolAt: () => undefined,
  nearestFunctions: () => ['vfs_read'],
};

const symbols: SymbolSource = { ...kernel, code };

/** Where the probes of a point go: `symbol+offset`, with what is checked of their callers. */
function points(text: string, more: Partial<SymbolSource> = {}): string[] {
  const { script, messages } = elaborateText(`probe ${text} { println(1) }`, { symbols: { ...symbols, ...more } });
  if (messages.length > 0) return [...messages];
  return script.probes.map(({ name, point }) => {
    if (point.family !== 'kprobe') throw new Error(point.family);
    const callers = (point.callers ?? []).map((list) => list.map((one) => `${one.above}:${one.symbol}+${one.offset}`));
    return `${name} ${point.symbol}+${point.offset}${point.return ? ' return' : ''}${
      callers.length > 0 ? ` called from ${callers.map((list) => list.join('<')).join(' or ')}` : ''
    }`;
  });
}

describe('functions', () => {
  test('a function without a suffix is its entry and every inlined copy', () => {
    expect(points('kernel.function("helper")')).toEqual([
      `kernel.function("helper@${FILE}:30") _stext+64`,
      `kernel.function("helper@${FILE}:30") _stext+16`,
      `kernel.function("helper@${FILE}:30") _stext+80`,
    ]);
  });

  test('.call and .inline are the one and the other', () => {
    expect(points('kernel.function("helper@fs/*.c").call')).toEqual([
      `kernel.function("helper@${FILE}:30").call _stext+64`,
    ]);
    expect(points('kernel.function("helper").inline')).toHaveLength(2);
    expect(points('kernel.function("only_inlined").inline')).toHaveLength(1);
  });

  test('a function that is named is taken whatever line is written, with a warning', () => {
    for (const line of [':99', '+99', ':90-99']) {
      const point = `kernel.function("vfs_read@fs/read_write.c${line}")`;
      const { script, messages } = elaborateText(`probe ${point} { println(1) }`, { symbols });
      expect(script.probes).toHaveLength(1);
      expect(messages).toEqual([
        expect.stringContaining('function vfs_read has no code of that line; it is declared in line 10'),
      ]);
    }
    expect(points('kernel.function("vfs_re*@fs/read_write.c:99")')[0]).toMatch('while resolving probe point');
  });

  test('a line without code, written with a wildcard, means the functions that span it', () => {
    expect(points('kernel.function("*@fs/read_write.c:12").call')).toEqual([
      `kernel.function("vfs_read@${FILE}:10").call vfs_read+0`,
    ]);
    expect(points('kernel.function("*@fs/read_write.c:15").call')[0]).toMatch('while resolving probe point');
  });

  test('maxactive goes from the default, 0, to 32767', () => {
    expect(points('kernel.function("vfs_read").return.maxactive(0)')).toHaveLength(1);
    expect(points('kprobe.function("vfs_read").return.maxactive(32767)')).toHaveLength(1);
    for (const wrong of [-1, 32768]) {
      const { diagnostics } = elaborateText(`probe kernel.function("vfs_read").return.maxactive(${wrong}) {}`, {
        symbols,
      });
      expect(JSON.stringify(diagnostics)).toContain('maxactive value out of range [0,32767]');
    }
  });

  test('a part that the compiler took out of a function is not probed', () => {
    expect(points('kernel.function("split")')).toEqual([expect.stringContaining('+36')]);
    const { diagnostics } = elaborateText('probe kernel.function("split").call { println(1) }', { symbols });
    expect(JSON.stringify(diagnostics)).toContain('is entered only in its inlined copies');
  });

  test('BTF serves .call and .return of what it knows', () => {
    expect(points('kernel.function("vfs_read").call')).toEqual(['kernel.function("vfs_read").call vfs_read+0']);
    expect(points('kernel.function("vfs_read").return')).toEqual([
      'kernel.function("vfs_read").return vfs_read+0 return',
    ]);
    expect(points('kernel.function("vfs_read").call', { codeOnly: true })).toEqual([
      `kernel.function("vfs_read@${FILE}:10").call vfs_read+0`,
    ]);
  });

  test('.exported leaves out what only its own file can call, by BTF as well', () => {
    const functions: SymbolSource['functions'] = () => [
      { name: 'vfs_read', parameters: [], external: true },
      { name: 'vfs_local', parameters: [], external: false },
      { name: 'vfs_unknown', parameters: [] },
    ];
    expect(points('kernel.function("vfs_*").exported', { functions, code: undefined } as never)).toEqual([
      'kernel.function("vfs_read").exported vfs_read+0',
      'kernel.function("vfs_unknown").exported vfs_unknown+0',
    ]);
    expect(points('kernel.function("*@fs/*").exported')).toEqual([
      `kernel.function("vfs_read@${FILE}:10").exported vfs_read+0`,
    ]);
  });

  test('a module is known by the name in its file', () => {
    const functions: SymbolSource['functions'] = (name, module) => (module === 'own' ? [{ name, parameters: [] }] : []);
    const more = {
      functions,
      code: undefined,
      moduleOfFile: (path: string) => (path === '/a/own.ko' ? 'own' : undefined),
    };
    expect(points('module("/a/own.ko").function("f").call', more as never)).toEqual([
      'module("own").function("f").call f+0',
    ]);
    expect(points('module("/b/own.ko").function("f").call', more as never)[0]).toMatch('while resolving');
  });

  test('where there is no debug information, what takes it says so, and how to get it', () => {
    const none = { code: { ...code, has: () => false } };
    const reasons = (text: string, more: Partial<SymbolSource> = {}) =>
      elaborateText(`probe ${text} {}`, { symbols: { ...symbols, ...none, ...more } })
        .diagnostics.flatMap((one) => (one.related ?? []).map((place) => place.message))
        .join('\n');
    expect(reasons('kernel.function("vfs_read").call', { codeOnly: true })).toMatch(
      /^"vfs_read" with --debuginfo=dwarf needs DWARF debug information, and there is none of kernel .*stap-prep --debuginfo/s,
    );
    expect(reasons('kernel.function("only_inlined")')).toMatch(
      /^no match for function "only_inlined" .*if it is inlined everywhere it takes debug information: stap-prep/s,
    );
    expect(reasons('kernel.function("only_*")')).not.toContain('stap-prep');
  });

  test('what has only inlined copies has no return', () => {
    expect(points('kernel.function("only_inlined").return')[0]).toMatch('while resolving probe point');
  });

  test('a place that can’t be probed is told of by name and passed over in a pattern', () => {
    expect(points('kernel.function("noinstr_one@fs/*")')[0]).toMatch(
      'function noinstr_one is blocklisted: it must not',
    );
    expect(points('kernel.function("no*@fs/*"), kernel.function("vfs_read").call')[0]).toMatch('while resolving');
    expect(points('kernel.function("*@fs/*").call')).toHaveLength(2);
  });

  test('without debug information the fault says what is missing', () => {
    const { diagnostics } = elaborateText('probe kernel.function("helper").inline {}', {
      symbols: { ...kernel, code: { ...code, has: () => false } },
    });
    expect(JSON.stringify(diagnostics)).toContain('stap-prep --debuginfo');
    const btf = elaborateText('probe kernel.function("vfs_read@fs/*.c") {}', { symbols: kernel });
    expect(JSON.stringify(btf.diagnostics)).toContain('leave out --debuginfo=btf');
  });
});

describe('statements', () => {
  test.each([
    ['11', [4]],
    ['11-14', [4, 8]],
    ['12,14', [8]],
    ['*', [4, 8]],
  ])('lines :%s', (lines, offsets) => {
    expect(
      points(`kernel.statement("vfs_read@${FILE}:${lines}")`).map((line) => Number(line.split('+').at(-1))),
    ).toEqual(offsets);
  });

  test('+N counts from the declaration', () => {
    expect(points(`kernel.statement("vfs_read@${FILE}+4")`)).toEqual([
      `kernel.statement("vfs_read@${FILE}:14") _stext+8`,
    ]);
  });

  test('a line without code names those around it', () => {
    const { diagnostics } = elaborateText(`probe kernel.statement("vfs_read@${FILE}:12") {}`, { symbols });
    expect(JSON.stringify(diagnostics)).toContain(`no line records for ${FILE}:12 (try :11 or :14)`);
  });

  test.each(['f@', '@a.c', 'f@a.c:', 'f@a.c:0', 'f@a.c:5-3', 'f@a.c:x', 'f@a.c+'])('"%s" is malformed', (pattern) => {
    const { diagnostics } = elaborateText(`probe kernel.statement("${pattern}") {}`, { symbols });
    expect(JSON.stringify(diagnostics)).toMatch(/malformed specification|no match/);
  });

  test.each([
    'function("a@\\n")',
    'function("a@\\n:3")',
    'statement("a@\\n")',
    'function("vfs_read").callee("[")',
    'function("vfs_read").callee("[b-a]@(")',
  ])('no text of kernel.%s is an error of ours', (point) => {
    const { diagnostics } = elaborateText(`probe kernel.${point} { print(1) }`, { symbols });
    expect(diagnostics.length).toBeGreaterThan(0);
  });

  test('an address must be where a statement begins', () => {
    expect(points('kernel.statement(4100)')).toEqual(['kernel.statement(0x1004) _stext+4']);
    expect(points('kernel.statement(4101)')[0]).toMatch('while resolving');
    expect(points('kernel.statement(4098).nearest')[0]).toMatch('while resolving');
    const near = { ...code, placeAt: () => LINES[0] };
    expect(points('kernel.statement(4097).nearest', { code: near })).toEqual(['kernel.statement(0x1004) _stext+4']);
    expect(points('kernel.function(4101).exported')).toEqual([
      `kernel.function("vfs_read@${FILE}:10").exported vfs_read+0`,
    ]);
    expect(points('kernel.function(4101).return.maxactive(5)')).toEqual([
      `kernel.function("vfs_read@${FILE}:10").return.maxactive(5) vfs_read+0 return`,
    ]);
    expect(points('kernel.function(4101)')).toEqual([`kernel.function("vfs_read@${FILE}:10") vfs_read+0`]);
  });
});

test('labels have the line that they stand in', () => {
  expect(points('kernel.function("vfs_read").label("o*")')).toEqual([
    `kernel.function("vfs_read@${FILE}:18").label("out") _stext+12`,
  ]);
});

describe('callees', () => {
  const base = `kernel.function("vfs_read@${FILE}:10")`;

  test('a function of its own is hit only when the call returns to the caller', () => {
    expect(points('kernel.function("vfs_read").callee("helper")')).toEqual([
      `${base}.callee("helper@${FILE}:30") _stext+64 called from 0:_stext+6`,
    ]);
  });

  test('an inlined copy lies in the caller itself', () => {
    expect(points('kernel.function("vfs_read").callee("only*")')).toEqual([
      `${base}.callee("only_inlined@${FILE}:40") _stext+32`,
    ]);
  });

  test('one level deeper both calls are on the stack', () => {
    expect(points('kernel.function("vfs_read").callees(2)').find((line) => line.includes('noinstr'))).toBe(
      `${base}.callee("helper@${FILE}:30").callee("noinstr_one@${FILE}:50") _stext+144 called from 0:_stext+68<24:_stext+6`,
    );
  });
});

test('the analyzed script shows the places', () => {
  const { script } = elaborateText('probe kernel.function("only_inlined") { println(1) }', { symbols });
  expect(formatElaborated(script)).toContain('/* pc=_stext+0x20 */');
});

test('what is not open yet gives no message and no spelling help', () => {
  let asked = 0;
  const nearestFunctions = () => {
    asked += 1;
    return [];
  };
  const waiting = { ...code, has: () => false, pending: true, nearestFunctions };
  const { diagnostics } = elaborateText('probe kernel.function("vfs_raed") {} probe kernel.statement("f@a.c:1") {}', {
    symbols: { ...symbols, code: waiting, nearestFunctions },
  });
  expect([diagnostics, asked]).toEqual([[], 0]);
});

test('of a module without BTF debug information tells what a function returns, where it is there', () => {
  const functions: SymbolSource['functions'] = (name, module) =>
    module === 'own' ? [{ name, module, parameters: [], untyped: true }] : [];
  const resultType = () => 1;
  const compiled = (has: boolean) => {
    const inModule: CodeSource['functions'] = (query) =>
      code.functions(query).map((one) => ({
        ...one,
        module: 'own',
        entries: one.entries.map((entry) => ({ ...entry, module: 'own' })),
      }));
    const own: CodeSource = { ...code, has: () => has, resultType, functions: inModule, symbolAt: () => 'vfs_read' };
    return elaborateText('probe module("own").function("vfs_read").return { println($return) }', {
      symbols: { ...symbols, functions, modules: () => ['own'], code: own },
    });
  };
  expect(compiled(true).messages).toEqual([]);
  expect(compiled(false).messages.join()).toContain("unable to find local 'return' in vfs_read");
});

describe('coverage', () => {
  const covered = (text: string, more: Partial<CodeSource> = {}) =>
    (
      elaborateText(`probe ${text} { println(1) }`, { symbols: { ...symbols, code: { ...code, ...more } } }).script
        .coverage ?? []
    ).map((one) => ({ ...one, text: coverageText(one) }));

  test('nothing is said where all of a function is probed', () => {
    expect(covered('kernel.function("vfs_read")')).toEqual([]);
    expect(covered('kernel.function("helper")')).toEqual([]);
  });

  test('a partly inlined function says how much of it a suffix reaches', () => {
    const [one] = covered('kernel.function("helper@fs/read_write.c").call');
    expect(one).toEqual({
      point: 'kernel.function("helper@fs/read_write.c").call',
      functions: 1,
      symbols: 1,
      variants: {},
      inlined: 2,
      probed: 1,
      withoutCode: 0,
      text: 'kernel.function("helper@fs/read_write.c").call: 1 function, 1 symbol, 2 inlined copies; 1 probed',
    });
  });

  test.each(['isra', 'constprop', 'part', 'cold'])('a copy that the compiler made is told as .%s', (suffix) => {
    const [one] = covered('kernel.function("vfs_read")', { symbolAt: () => `vfs_read.${suffix}.0` });
    expect(one!.variants).toEqual({ [suffix]: 1 });
    expect(one!.text).toBe(
      `kernel.function("vfs_read"): 1 function, 1 symbol (1 .${suffix}), 0 inlined copies; 1 probed`,
    );
  });

  test('by BTF alone it is told what the symbols tell: what can’t be probed, and what the compiler made', () => {
    const known = (functions: number, ...variants: string[]) => {
      const functionCopies: SymbolSource['functionCopies'] = () => ({ functions, variants });
      const { code: _none, ...btf } = symbols;
      const { script } = elaborateText('probe kernel.function("vfs_read").call { println(1) }', {
        symbols: { ...btf, functionCopies },
      });
      return (script.coverage ?? []).map((one) => [coverageText(one), one.inlined]);
    };
    expect(known(1)).toEqual([]);
    // A part that a function itself jumps to is no other way into it.
    expect(known(1, 'vfs_read.cold')).toEqual([]);
    expect(known(3)).toEqual([
      [
        'kernel.function("vfs_read").call: 3 functions, 3 symbols, inlined copies not known without DWARF; 1 probed',
        undefined,
      ],
    ]);
    expect(known(1, 'vfs_read.part.0', 'vfs_read.isra.0.cold')).toEqual([
      [
        'kernel.function("vfs_read").call: 1 function, 3 symbols (1 .part, 1 .cold), inlined copies not known without DWARF; 1 probed',
        undefined,
      ],
    ]);
  });

  test('copies without a location are counted by themselves', () => {
    const functions: CodeSource['functions'] = (query) =>
      code.functions(query).map((one) => ({ ...one, copies: one.inlined.length + 3, withoutCode: 3 }));
    expect(covered('kernel.function("helper")', { functions })[0]!.text).toBe(
      'kernel.function("helper"): 1 function, 1 symbol, 5 inlined copies; 3 probed, 3 without location',
    );
  });
});

describe('spelling help', () => {
  const reasons = (text: string, more: Partial<SymbolSource> = {}) =>
    elaborateText(`probe ${text} {}`, { symbols: { ...symbols, ...more } })
      .diagnostics.flatMap((one) => (one.related ?? []).map((place) => place.message))
      .join('\n');

  test('an unknown function, file, label, callee or module names what is spelt alike', () => {
    const nearestFunctions = () => ['vfs_read', 'vfs_write'];
    expect(reasons('kernel.function("vfs_raed")', { nearestFunctions })).toContain(
      'no match for function "vfs_raed" in the kernel (similar: vfs_read, vfs_write)',
    );
    expect(reasons('kernel.function("vfs_read@fs/rw.c")')).toContain(`vfs_read is in ${FILE}`);
    expect(reasons('kernel.function("vfs_read").label("uot")')).toContain(
      'no match for label "uot" in function "vfs_read" (similar: out)',
    );
    expect(reasons('kernel.function("vfs_read").callee("hlper")')).toContain('(similar: helper, only_inlined)');
    const modules = { modules: () => [], nearestModules: () => ['dummy'], functions: () => [], code: undefined };
    expect(reasons('module("dumy").function("f")', modules as never)).toContain(
      'no module "dumy" is known (similar: dummy)',
    );
    expect(reasons('module("dumy").statement("f@a.c:1")', modules as never)).toContain(
      'no module "dumy" is known (similar: dummy)',
    );
  });

  test('an unknown tracepoint names what is spelt alike, with its system where one was written', () => {
    const all = [
      { name: 'sched_switch', system: 'sched', arguments: [] },
      { name: 'signal_deliver', system: 'signal', arguments: [] },
      { name: 'devres_log', arguments: [] },
    ];
    const tracepoints = (pattern: string) => all.filter(({ name }) => pattern === '*' || pattern === name);
    const told = (text: string) => reasons(`kernel.trace("${text}")`, { tracepoints });
    expect(told('sched_swich')).toContain('no match for tracepoint "sched_swich" (similar: sched_switch)');
    expect(told('shed:sched_switch')).toContain('(similar: sched:sched_switch)');
    expect(told('sched:sched_swich')).toContain('(similar: sched:sched_switch)');
  });

  test('a listing asks for none', () => {
    const never = () => {
      throw new Error('a listing asked for spelling help');
    };
    const silent = {
      ...symbols,
      nearestFunctions: never,
      nearestModules: never,
      modules: () => [],
      code: { ...code, nearestFunctions: never },
    };
    for (const text of [
      'kernel.function("vfs_raed")',
      'kernel.function("vfs_raed@fs/*")',
      'module("dumy").function("f")',
      'kernel.trace("sched_swich")',
      'vfs.raed',
    ]) {
      const { ast } = elaborateText(`probe ${text}? , begin {}`);
      const options = { symbols: silent, names: { nearest: never } };
      expect(listProbes(ast, options, false).value).toEqual(['begin']);
      const alone = elaborateText(`probe ${text} {}`, { symbols }).ast;
      expect(listProbes(alone, options, true).value).toEqual([]);
    }
  });
});

test('at an entry that BTF tells of, locals come from debug information where it is there', () => {
  const known: CodeSource = {
    ...code,
    variables: () => [
      { name: 'file', type: 1, group: 'parameter', location: { kind: 'absent', reason: 'optimized out' } },
      { name: 'ret', type: 1, group: 'local', location: { kind: 'value', value: { kind: 'constant', value: '7' } } },
      { name: 'gone', type: 1, group: 'local', location: { kind: 'absent', reason: 'optimized out' } },
    ],
  };
  const text = (more: Partial<SymbolSource>, body: string) => {
    const { script, messages } = elaborateText(`probe kernel.function("vfs_read").call { ${body} }`, {
      symbols: { ...symbols, ...more },
    });
    expect(messages).toEqual([]);
    return formatElaborated(script);
  };
  const vars = text({ code: known }, 'println($$vars) println($$locals) println($ret)');
  expect(vars).toContain('"file=%#x buf=%#x count=%#x ret=%#x gone=?"');
  expect(vars).toContain('"ret=%#x gone=?"');
  expect(vars).toContain('printf("%d\\n", 7)');
  expect(text({ code: { ...known, has: () => false } }, 'println($$vars)')).toContain('"file=%#x buf=%#x count=%#x"');
});
