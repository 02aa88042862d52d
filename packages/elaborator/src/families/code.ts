// Points in kernel and module code that debug information resolves: kernel.function, kernel.statement and those of modules
// (stapprobes(3stap), DWARF). What needs no more than functions' names, parameters and types BTF serves; inlined copies,
// files, lines, labels, calls and addresses take DWARF.
import { globSource } from '@stapkit/pass';
import { type CodePattern, parseCodePattern } from '../code/code-pattern.js';
import {
  addCaller,
  baseName,
  type CallerChain,
  enteredChain,
  functionText,
  placePoint,
  probeable,
} from '../code/code-places.js';
import { functionVariables } from '../code/place-variables.js';
import type { CodeFunction, CodePlace, CodeSource, StatementQuery } from '../code-source.js';
import { byLikeness } from '../similar.js';
import type { FunctionFacts } from '../symbol-source.js';
import {
  type BuiltPoint,
  type Family,
  maxactiveOf,
  type PointFault,
  type PointPattern,
  type PointRequest,
} from './family.js';

/** What of a function is to be probed, by the suffix of the point. */
type Suffix = '' | '.call' | '.exported' | '.inline' | '.return';

const WILD = /[*?[]/;

/** The fault of a point that takes DWARF where there is none. */
function needsDwarf(request: PointRequest, what: string): PointFault {
  const unknown = unknownModule(request);
  if (unknown) return unknown;
  const { code, kernel } = request.symbols;
  const module = request.string('module');
  if (!code) return { fault: `${what} needs DWARF debug information`, hint: 'leave out --debuginfo=btf' };
  const where = module === undefined ? `kernel ${kernel.release}` : `module "${module}" of kernel ${kernel.release}`;
  return {
    fault: `${what} needs DWARF debug information, and there is none of ${where}`,
    hint: `stap-prep --debuginfo installs it (linux-image-${kernel.release}-dbg)`,
  };
}

/** The debug information of the point's module or of the kernel, if it is open; what is not is opened for the next try. */
function codeOf(request: PointRequest): CodeSource | undefined {
  const { code } = request.symbols;
  return code?.has(request.string('module')) ? code : undefined;
}

// ------------------------------------------------------------------------------------------------------- functions

function buildFunctions(request: PointRequest, suffix: Suffix): readonly BuiltPoint[] | PointFault {
  const text = request.string('function') ?? '';
  const pattern = parseCodePattern(text);
  if (!pattern) return { fault: `malformed specification '${text}'` };
  const maxactive = maxactiveOf(request);
  if (typeof maxactive === 'object') return maxactive;

  // What the library asks for by name are entries; BTF knows those, and sooner.
  const needsCode = pattern.file !== undefined || suffix === '.inline';
  const wantsCode =
    needsCode || request.listing || request.symbols.codeOnly === true || suffix === '.exported' || suffix === '';
  const facts = (needsCode || request.symbols.codeOnly === true ? [] : findFacts(request, pattern.name)).filter(
    (one) => suffix !== '.exported' || one.external !== false,
  );
  // A module without BTF, as those built apart from their kernel are, may have debug information of its own.
  const untyped = facts.some((one) => one.untyped === true);
  const code = untyped || (wantsCode && !(request.library && facts.length > 0)) ? codeOf(request) : undefined;
  if (code) return codeFunctions(request, code, pattern, suffix, maxactive);
  if (request.symbols.codeOnly === true) return needsDwarf(request, `"${text}" with --debuginfo=dwarf`);
  if (facts.length > 0) return btfFunctions(request, pattern, facts, suffix, maxactive);
  if (needsCode) return needsDwarf(request, pattern.file === undefined ? suffix : `"${text}"`);
  // The compiler may have left no function of this name, only copies.
  const fallback = request.symbols.code && codeOf(request);
  if (fallback) return codeFunctions(request, fallback, pattern, suffix, maxactive);
  return noFunction(request, pattern.name);
}

function modulesOf(request: PointRequest): readonly (string | undefined)[] {
  const module = request.string('module');
  if (module === undefined) return [undefined];
  return WILD.test(module) ? (request.symbols.modules?.(module) ?? []) : [module];
}

function findFacts(request: PointRequest, name: string): readonly FunctionFacts[] {
  return modulesOf(request).flatMap((module) =>
    request.symbols
      .functions(name, module)
      .map((facts) => (module === undefined ? facts : { ...facts, module: facts.module ?? module })),
  );
}

/** The fault of a point in a module that there is none of. */
function unknownModule(request: PointRequest): PointFault | undefined {
  const module = request.string('module');
  const { symbols } = request;
  if (module === undefined || WILD.test(module) || !symbols.modules || symbols.modules(module).length > 0)
    return undefined;
  return { fault: `no module "${module}" is known`, near: () => symbols.nearestModules?.(module) ?? [] };
}

function noFunction(request: PointRequest, name: string): PointFault {
  const module = request.string('module');
  const { symbols } = request;
  const near = () => {
    const names = symbols.nearestFunctions(name, module);
    return names.length > 0 ? names : (symbols.code?.nearestFunctions(name, module) ?? []);
  };
  const unknown = unknownModule(request);
  if (unknown) return unknown;
  const where = module === undefined ? 'kernel' : `module "${module}"`;
  // Without debug information nobody knows of functions that were inlined everywhere.
  const blind = symbols.code !== undefined && !symbols.code.has(module) && !WILD.test(name);
  const hint = `if it is inlined everywhere it takes debug information: stap-prep --debuginfo installs it (linux-image-${symbols.kernel.release}-dbg)`;
  return { fault: `no match for function "${name}" in the ${where}`, near, ...(blind ? { hint } : {}) };
}

function btfFunctions(
  request: PointRequest,
  pattern: CodePattern,
  facts: readonly FunctionFacts[],
  suffix: Suffix,
  maxactive: number | undefined,
): readonly BuiltPoint[] {
  const module = request.string('module');
  // The library's own choice of functions is no news.
  if (!request.library && suffix !== '.exported' && (module === undefined || !WILD.test(module))) {
    const copies = request.symbols.functionCopies?.(pattern.name, module);
    if (copies) request.cover({ pattern: pattern.name, module, copies, probed: facts.length });
  }
  return facts.map((one) => ({
    name: `${baseName(one.module)}.function("${one.name}")${suffix}${maxactive === undefined ? '' : `.maxactive(${maxactive})`}`,
    point: {
      family: 'kprobe',
      symbol: one.name,
      offset: 0,
      ...(one.module === undefined ? {} : { module: one.module }),
      return: suffix === '.return',
      ...(maxactive === undefined ? {} : { maxactive }),
      function: one.name,
    },
    variables: functionVariables(one, request, suffix === '.return'),
    wildcard: one.name !== pattern.name,
  }));
}

/** The functions of a pattern; a line narrows them to those that have code of it, or else around it. */
function findFunctions(
  code: CodeSource,
  pattern: CodePattern,
  module: string | undefined,
  copies: 'entries' | 'inlined' | 'all',
): readonly CodeFunction[] {
  const query = { ...queryOf(pattern, module), copies };
  const found = code.functions(query);
  const { lines } = pattern;
  if (!lines || lines.kind === 'all') return found;
  const declared = found.filter(
    (one) => lines.kind === 'lines' && lines.lines.some(([from, to]) => from <= one.line && one.line <= to),
  );
  if (declared.length > 0) return declared;
  const places = code.statements({ ...queryOf(pattern, module), lines, nearest: false });
  const scopes = new Set(places.map(scopeOf));
  const exact = found.filter((one) => [...one.entries, ...one.inlined].some((place) => scopes.has(scopeOf(place))));
  if (exact.length > 0 || found.length === 0) return exact;
  // A line means something in a file that is named: the lines of all files are not read for it.
  if (pattern.file === undefined || WILD.test(pattern.file)) return exact;
  // A line without code, of a comment or a brace, lies in the function that spans it (stapprobes(3stap), EXAMPLES).
  const last = new Map<string, number>();
  for (const place of code.statements({ ...queryOf(pattern, module), lines: { kind: 'all' }, nearest: false })) {
    if (place.line > (last.get(scopeOf(place)) ?? 0)) last.set(scopeOf(place), place.line);
  }
  return found.filter((one) => {
    const end = Math.max(0, ...[...one.entries, ...one.inlined].map((place) => last.get(scopeOf(place)) ?? 0));
    const asked = lines.kind === 'lines' ? lines.lines : [[one.line + lines.offset, one.line + lines.offset] as const];
    return asked.some(([from, to]) => one.line <= to && from <= end);
  });
}

function scopeOf(place: CodePlace): string {
  return `${place.module}\0${place.scope}`;
}

function queryOf(pattern: CodePattern, module: string | undefined) {
  return {
    name: pattern.name,
    ...(pattern.file === undefined ? {} : { file: pattern.file }),
    ...(module === undefined ? {} : { module }),
  };
}

function codeFunctions(
  request: PointRequest,
  code: CodeSource,
  pattern: CodePattern,
  suffix: Suffix,
  maxactive: number | undefined,
): readonly BuiltPoint[] | PointFault {
  const module = request.string('module');
  const copies = suffix === '' ? 'all' : suffix === '.inline' ? 'inlined' : 'entries';
  const wildcard = WILD.test(pattern.name);
  let found = findFunctions(code, pattern, module, copies);
  if (found.length === 0 && pattern.lines && !wildcard) {
    // A function is what was asked for, and it is there: SystemTap takes it whatever line is written.
    found = findFunctions(
      code,
      { name: pattern.name, ...(pattern.file === undefined ? {} : { file: pattern.file }) },
      module,
      copies,
    );
    for (const one of found)
      request.warn(`function ${one.name} has no code of that line; it is declared in line ${one.line}`);
  }
  found = found.filter((one) => suffix !== '.exported' || one.external);
  const points: BuiltPoint[] = [];
  let places = 0;
  for (const one of found) {
    const name = `${baseName(one.module)}.function("${functionText(one)}")${suffix}${
      maxactive === undefined ? '' : `.maxactive(${maxactive})`
    }`;
    const all = suffix === '.inline' ? one.inlined : [...one.entries, ...one.inlined];
    places += all.length;
    for (const place of probeable(request, all, wildcard)) {
      points.push(placePoint(request, name, place, { return: suffix === '.return', maxactive, wildcard }));
    }
  }
  request.cover({ pattern: pattern.name, module, functions: found, probed: points.length });
  if (points.length > 0) return points;
  if (places > 0) return { fault: `no place of function "${pattern.name}" can be probed` };
  if (found.length > 0 && suffix === '.return') {
    return { fault: `function "${pattern.name}" has only inlined copies, which do not return` };
  }
  if (found.some((one) => one.parts.length > 0) && !wildcard) {
    return { fault: `function "${pattern.name}" is entered only in its inlined copies` };
  }
  if (pattern.file !== undefined) {
    const named = code.functions({
      name: pattern.name,
      copies: 'entries',
      ...(module === undefined ? {} : { module }),
    });
    const files = [...new Set(named.map((one) => one.file))].slice(0, 3);
    return {
      fault: `no match for "${request.string('function')}"`,
      ...(files.length > 0 && !wildcard ? { hint: `${pattern.name} is in ${files.join(', ')}` } : {}),
      ...(named.length > 0 ? {} : { near: () => code.nearestFunctions(pattern.name, module) }),
    };
  }
  return noFunction(request, pattern.name);
}

// ------------------------------------------------------------------------------------------------------ statements

function buildStatements(request: PointRequest, nearest: boolean): readonly BuiltPoint[] | PointFault {
  const text = request.string('statement') ?? '';
  const pattern = parseCodePattern(text);
  if (!pattern) return { fault: `malformed specification '${text}'` };
  const code = codeOf(request);
  if (!code) return needsDwarf(request, `statement("${text}")`);
  const module = request.string('module');
  const wildcard = WILD.test(pattern.name);
  const suffix = nearest ? '.nearest' : '';
  const nameOf = (place: CodePlace) =>
    `${baseName(place.module)}.statement("${place.function}@${place.file}:${place.line}")${suffix}`;
  const { lines } = pattern;
  let places: readonly CodePlace[];
  if (lines) {
    const query: StatementQuery = { ...queryOf(pattern, module), lines, nearest };
    places = code.statements(query);
    if (places.length === 0) {
      const near = code.nearestLines(query);
      const found = code.functions({ ...queryOf(pattern, module), copies: 'all' });
      if (found.length === 0) return noFunction(request, pattern.name);
      const which = text.slice(text.indexOf('@') + 1);
      return {
        fault: `no line records for ${which}${near.length > 0 ? ` (try ${near.map((line) => `:${line}`).join(' or ')})` : ''}`,
      };
    }
  } else {
    // Without a line it is the place where the function is entered.
    const found = findFunctions(code, pattern, module, 'all');
    places = found.flatMap((one) => [...one.entries, ...one.inlined]);
    if (places.length === 0) return noFunction(request, pattern.name);
  }
  const points = probeable(request, places, wildcard).map((place) =>
    placePoint(request, nameOf(place), place, { wildcard: wildcard || lines?.kind === 'all' }),
  );
  return points.length > 0 ? points : { fault: `no place of statement "${text}" can be probed` };
}

function buildLabels(request: PointRequest): readonly BuiltPoint[] | PointFault {
  const text = request.string('function') ?? '';
  const pattern = parseCodePattern(text);
  if (!pattern) return { fault: `malformed specification '${text}'` };
  const code = codeOf(request);
  const wanted = request.string('label') ?? '';
  if (!code) return needsDwarf(request, '.label');
  const module = request.string('module');
  const found = findFunctions(code, pattern, module, 'all');
  if (found.length === 0) return noFunction(request, pattern.name);
  const wildcard = WILD.test(pattern.name) || WILD.test(wanted);
  const points: BuiltPoint[] = [];
  for (const one of found) {
    for (const { name, place } of code.labels(one, wanted)) {
      for (const good of probeable(request, [place], wildcard)) {
        const full = `${baseName(one.module)}.function("${one.name}@${place.file}:${place.line}").label("${name}")`;
        points.push(placePoint(request, full, good, { wildcard }));
      }
    }
  }
  if (points.length > 0) return points;
  const names = found.flatMap((one) => code.labels(one, '*').map((label) => label.name));
  return {
    fault: `no match for label "${wanted}" in function "${pattern.name}"`,
    near: () => byLikeness(wanted, names),
  };
}

// --------------------------------------------------------------------------------------------------------- callees

/** More levels than this would be all of the kernel. */
const DEEPEST = 8;

function buildCallees(
  request: PointRequest,
  wanted: string,
  depth: number,
  suffix: '' | '.call' | '.return',
): readonly BuiltPoint[] | PointFault {
  const text = request.string('function') ?? '';
  const pattern = parseCodePattern(text);
  const callee = parseCodePattern(wanted);
  if (!pattern) return { fault: `malformed specification '${text}'` };
  if (!callee) return { fault: `malformed specification '${wanted}'` };
  if (depth < 1 || depth > DEEPEST) return { fault: `callees depth out of range [1,${DEEPEST}]` };
  const code = codeOf(request);
  if (!code) return needsDwarf(request, '.callee');
  const module = request.string('module');
  const found = findFunctions(code, pattern, module, 'all');
  if (found.length === 0) return noFunction(request, pattern.name);
  const points: BuiltPoint[] = [];
  const seen = new Set<string>();
  const fits = calleeFilter(callee);
  const wildcard = WILD.test(pattern.name) || WILD.test(callee.name);

  /** Probes what some code calls. `chain` is for what is called; undefined where callers can't be told any more. */
  const descend = (base: string, callers: readonly CodePlace[], outer: readonly CallerChain[], level: number): void => {
    for (const { callee: one, returns } of code.calls(callers)) {
      const name = `${base}.callee("${functionText(one)}")`;
      const chains = returns.flatMap((after) =>
        outer.length === 0
          ? (addCaller(enteredChain, after) ?? [])
          : outer.flatMap((chain) => joinChains(after, chain) ?? []),
      );
      if (fits(one)) {
        // Inlined copies lie in the caller itself: only those callers further out are left to check.
        const inlined = suffix === '' ? one.inlined : [];
        for (const place of probeable(request, inlined, true)) {
          const above = code.frameOf(place);
          const checks = outer.flatMap((chain) => (above === undefined ? [] : [shift(chain, above)]));
          if (outer.length > 0 && checks.length === 0) continue;
          add(`${name}${suffix}`, place, checks);
        }
        if (returns.length > 0 && chains.length > 0) {
          for (const place of probeable(request, one.entries, true)) {
            add(
              `${name}${suffix}`,
              place,
              chains.map((chain) => chain.checks),
              suffix === '.return',
            );
          }
        }
      }
      if (level < depth) {
        if (one.inlined.length > 0) descend(name, one.inlined, outer, level + 1);
        if (one.entries.length > 0 && chains.length > 0)
          descend(name, [...one.entries, ...one.parts], chains, level + 1);
      }
    }
  };
  const add = (name: string, place: CodePlace, callers: readonly CallerChain['checks'][], isReturn = false): void => {
    const key = `${name}\0${place.module}\0${place.address}`;
    if (seen.has(key)) return;
    seen.add(key);
    const checked = callers.filter((checks) => checks.length > 0);
    points.push(
      placePoint(request, name, place, {
        return: isReturn,
        wildcard,
        ...(checked.length > 0 ? { callers: checked } : {}),
      }),
    );
  };
  for (const one of found) {
    const base = `${baseName(one.module)}.function("${functionText(one)}")`;
    descend(base, [...one.entries, ...one.parts, ...one.inlined], [], 1);
  }
  if (points.length > 0) return points;
  const names = () =>
    new Set(
      found.flatMap((one) =>
        code.calls([...one.entries, ...one.parts, ...one.inlined]).map((call) => call.callee.name),
      ),
    );
  return {
    fault: `no match for callee "${wanted}" of function "${pattern.name}"`,
    near: () => byLikeness(callee.name, names()),
  };
}

/** What is called returns to `after`, in code whose own callers are `outer`'s. */
function joinChains(after: Parameters<typeof addCaller>[1], outer: CallerChain): CallerChain | undefined {
  const first = addCaller(enteredChain, after);
  if (!first || first.above === undefined) return undefined;
  const distance = first.above;
  return {
    above: outer.above === undefined ? undefined : outer.above + distance,
    checks: [...first.checks, ...outer.checks.map((check) => ({ ...check, above: check.above + distance }))],
  };
}

/** The checks of a chain for a place inside the function, where the stack pointer is further down. */
function shift(chain: CallerChain, above: number): CallerChain['checks'] {
  return chain.checks.map((check) => ({ ...check, above: check.above + above }));
}

function calleeFilter(pattern: CodePattern): (one: CodeFunction) => boolean {
  const name = new RegExp(`^${globSource(pattern.name)}$`);
  const file = pattern.file === undefined ? undefined : new RegExp(`(?:^|/)${globSource(pattern.file)}$`);
  return (one) => name.test(one.name) && (file === undefined || file.test(one.file));
}

// ------------------------------------------------------------------------------------------------------- addresses

function hex(address: bigint): string {
  return `0x${BigInt.asUintN(64, address).toString(16)}`;
}

function buildAddress(
  request: PointRequest,
  part: 'function' | 'statement',
  suffix: Suffix,
  nearest = false,
): readonly BuiltPoint[] | PointFault {
  let address = request.number(part);
  const module = request.string('module');
  const maxactive = maxactiveOf(request);
  if (typeof maxactive === 'object') return maxactive;
  const code = codeOf(request);
  if (!code) return needsDwarf(request, `a ${part} by its address`);
  if (nearest) address = nextStatement(code, address, module);
  const text = address.toString();
  if (part === 'statement') {
    const place = code.placeAt(text, module);
    if (!place)
      return {
        fault: `no function of the ${module === undefined ? 'kernel' : `module "${module}"`} holds ${hex(address)}`,
      };
    if (!code.isStatement(text, module)) {
      return { fault: `address ${hex(address)} does not match the beginning of a statement` };
    }
    const [good] = probeable(request, [place], false);
    if (!good) return { fault: `no probe can be placed at ${hex(address)}` };
    return [placePoint(request, `${baseName(module)}.statement(${hex(address)})`, good)];
  }
  const found = code.functionAt(text, module);
  if (!found)
    return {
      fault: `no function of the ${module === undefined ? 'kernel' : `module "${module}"`} holds ${hex(address)}`,
    };
  if (suffix === '.exported' && !found.external) return { fault: `function "${found.name}" is not exported` };
  const good = probeable(request, found.entries, false);
  if (good.length === 0) return { fault: `function "${found.name}" can't be probed` };
  const most = maxactive === undefined ? '' : `.maxactive(${maxactive})`;
  return good.map((place) =>
    placePoint(request, `${baseName(module)}.function("${functionText(found)}")${suffix}${most}`, place, {
      return: suffix === '.return',
      maxactive,
    }),
  );
}

/** Bytes behind an address in which `.nearest` looks for the beginning of a statement. */
const NEAREST_REACH = 4096n;

/** The first statement that begins at an address or behind it; the address itself where there is none. */
function nextStatement(code: CodeSource, address: bigint, module: string | undefined): bigint {
  for (let at = address; at < address + NEAREST_REACH; at++) {
    const text = at.toString();
    if (code.isStatement(text, module)) return at;
    if (!code.placeAt(text, module)) break;
  }
  return address;
}

function buildAbsolute(request: PointRequest): readonly BuiltPoint[] | PointFault {
  if (!request.guru) return { fault: 'absolute statement probe in unprivileged script; need stap -g' };
  const address = BigInt.asUintN(64, request.number('statement'));
  return [
    {
      name: `${baseName(request.string('module'))}.statement(${hex(address)}).absolute`,
      point: { family: 'kprobe', offset: 0, address: address.toString(), return: false },
    },
  ];
}

function codePoints(base: string): PointPattern[] {
  const functions: [pattern: string, build: PointPattern['build']][] = [
    ['function(string)', (request) => buildFunctions(request, '')],
    ['function(string).call', (request) => buildFunctions(request, '.call')],
    ['function(string).exported', (request) => buildFunctions(request, '.exported')],
    ['function(string).inline', (request) => buildFunctions(request, '.inline')],
    ['function(string).return', (request) => buildFunctions(request, '.return')],
    ['function(string).return.maxactive(number)', (request) => buildFunctions(request, '.return')],
    ['function(string).label(string)', buildLabels],
    ['function(string).callees', (request) => buildCallees(request, '*', 1, '')],
    [
      'function(string).callees(number)',
      (request) => buildCallees(request, '*', Number(request.number('callees')), ''),
    ],
    ['function(number)', (request) => buildAddress(request, 'function', '')],
    ['function(number).call', (request) => buildAddress(request, 'function', '.call')],
    ['function(number).exported', (request) => buildAddress(request, 'function', '.exported')],
    ['function(number).return', (request) => buildAddress(request, 'function', '.return')],
    ['function(number).return.maxactive(number)', (request) => buildAddress(request, 'function', '.return')],
    ['statement(string)', (request) => buildStatements(request, false)],
    ['statement(string).nearest', (request) => buildStatements(request, true)],
    ['statement(number)', (request) => buildAddress(request, 'statement', '')],
    ['statement(number).nearest', (request) => buildAddress(request, 'statement', '', true)],
    ['statement(number).absolute', buildAbsolute],
  ];
  for (const suffix of ['', '.call', '.return'] as const) {
    functions.push([
      `function(string).callee(string)${suffix}`,
      (request) => buildCallees(request, request.string('callee') ?? '', 1, suffix),
    ]);
  }
  return functions.map(([pattern, build]) => ({ pattern: `${base}.${pattern}`, build }));
}

export const codeFamily: Family = {
  name: 'code',
  points: [...codePoints('kernel'), ...codePoints('module(string)')],
};
