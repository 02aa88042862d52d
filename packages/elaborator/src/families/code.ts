// Points in kernel and module code that debug information resolves: kernel.function and module("m").function
// (stapprobes(3stap), DWARF). Function names, parameters and types come from the symbol source.
import type { FunctionFacts } from '../symbol-source.js';
import { scalarSize } from '../types.js';
import type { BuiltPoint, Family, PointFault, PointPattern, PointRequest, PointVariable } from './family.js';

/** A pattern of `kernel.function("NAME@FILE:LINE")` taken to pieces. */
interface FunctionPattern {
  readonly name: string;
  readonly file?: string;
  readonly line?: string;
}

function splitPattern(text: string): FunctionPattern {
  const at = text.indexOf('@');
  if (at < 0) return { name: text };
  const name = text.slice(0, at);
  const rest = text.slice(at + 1);
  const line = /[:+][\d*,\-+]+$/.exec(rest);
  return line ? { name, file: rest.slice(0, line.index), line: line[0] } : { name, file: rest };
}

/** A file pattern matches as it is, or with any folders before it. */
function fileMatches(pattern: string, file: string): boolean {
  const glob = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^(?:.*/)?${glob}$`).test(file);
}

/** The variables of a function's entry or return. */
export function functionVariables(facts: FunctionFacts, request: PointRequest, isReturn: boolean) {
  return () => {
    const variables: PointVariable[] = [];
    for (const [index, parameter] of facts.parameters.entries()) {
      const size = scalarSize(request.symbols, parameter.type);
      variables.push({
        name: parameter.name === '' ? `arg${index + 1}` : parameter.name,
        type: parameter.type,
        ...(facts.module === undefined ? {} : { module: facts.module }),
        source: { kind: 'parameter', index, size: size?.size ?? 8, signed: size?.signed ?? false },
        group: 'parameter',
      });
    }
    if (isReturn && facts.result !== undefined) {
      const size = scalarSize(request.symbols, facts.result);
      if (size) {
        variables.push({
          name: 'return',
          type: facts.result,
          ...(facts.module === undefined ? {} : { module: facts.module }),
          source: { kind: 'return-value', size: size.size, signed: size.signed },
          group: 'return',
        });
      }
    }
    return { variables, return: isReturn, function: facts.name };
  };
}

/** Whether the symbol source knows where functions were declared, going by one that every kernel has. */
function knowsFiles(request: PointRequest, module: string | undefined): boolean {
  const samples = module === undefined ? request.symbols.functions('vfs_read') : request.symbols.functions('*', module);
  return samples.some((facts) => facts.file !== undefined);
}

function buildFunctions(request: PointRequest, suffix: string, isReturn: boolean): readonly BuiltPoint[] | PointFault {
  const text = request.string('function') ?? '';
  const pattern = splitPattern(text);
  const modulePattern = request.string('module');
  if (pattern.name === '') return { fault: `malformed specification '${text}'` };
  const wild = /[*?]/.test(pattern.name);
  // Asking one function first spares a walk over tens of thousands that would all lack a file.
  if (pattern.file !== undefined && wild && !knowsFiles(request, modulePattern)) {
    return {
      fault: `source files are not known for "${text}"`,
      hint: 'install the kernel’s debug information (stap-prep), or name the functions',
    };
  }
  let found = request.symbols.functions(pattern.name, modulePattern);
  if (found.length === 0) {
    const near = () => request.symbols.nearestFunctions(pattern.name, modulePattern);
    const where = modulePattern === undefined ? 'kernel' : `module "${modulePattern}"`;
    return { fault: `no match for function "${pattern.name}" in the ${where}`, near };
  }
  if (pattern.file !== undefined) {
    const file = pattern.file;
    found = found.filter((facts) => facts.file === undefined || fileMatches(file, facts.file));
    if (found.length === 0) return { fault: `no match for "${text}"` };
  }
  const maxactive = request.has('maxactive') ? request.number('maxactive') : undefined;
  if (maxactive !== undefined && (maxactive < 1n || maxactive > 4096n)) {
    return { fault: 'maxactive value out of range [1,4096]' };
  }
  return found.map((facts) => {
    const place = facts.file === undefined ? '' : `@${facts.file}${facts.line === undefined ? '' : `:${facts.line}`}`;
    const inModule = facts.module ?? (modulePattern === undefined ? undefined : modulePattern);
    const base = inModule === undefined ? 'kernel' : `module("${inModule}")`;
    return {
      name: `${base}.function("${facts.name}${place}")${suffix}`,
      point: {
        family: 'kprobe',
        symbol: facts.name,
        offset: 0,
        ...(inModule === undefined ? {} : { module: inModule }),
        return: isReturn,
        ...(maxactive === undefined ? {} : { maxactive: Number(maxactive) }),
        function: facts.name,
      },
      variables: functionVariables(facts, request, isReturn),
      wildcard: facts.name !== pattern.name,
    } satisfies BuiltPoint;
  });
}

function codePoints(base: string): PointPattern[] {
  const needsDwarf = (what: string): PointPattern['build'] => {
    return () => ({
      fault: `${what} needs DWARF debug information`,
      hint: 'install the kernel’s debug information (stap-prep)',
    });
  };
  return [
    { pattern: `${base}.function(string)`, build: (request) => buildFunctions(request, '', false) },
    { pattern: `${base}.function(string).call`, build: (request) => buildFunctions(request, '.call', false) },
    { pattern: `${base}.function(string).exported`, build: (request) => buildFunctions(request, '.exported', false) },
    { pattern: `${base}.function(string).return`, build: (request) => buildFunctions(request, '.return', true) },
    {
      pattern: `${base}.function(string).return.maxactive(number)`,
      build: (request) => buildFunctions(request, `.return.maxactive(${request.number('maxactive')})`, true),
    },
    { pattern: `${base}.function(string).inline`, build: needsDwarf('.inline') },
    { pattern: `${base}.function(string).callee(string)`, build: needsDwarf('.callee') },
    { pattern: `${base}.function(string).callees`, build: needsDwarf('.callees') },
    { pattern: `${base}.function(string).callees(number)`, build: needsDwarf('.callees') },
    { pattern: `${base}.function(string).label(string)`, build: needsDwarf('.label') },
    { pattern: `${base}.function(number)`, build: needsDwarf('a function by its address') },
    { pattern: `${base}.statement(string)`, build: needsDwarf('.statement') },
    { pattern: `${base}.statement(string).nearest`, build: needsDwarf('.statement') },
    { pattern: `${base}.statement(number)`, build: needsDwarf('.statement') },
    {
      pattern: `${base}.statement(number).absolute`,
      build(request) {
        if (!request.guru) return { fault: 'absolute statement probe in unprivileged script; need stap -g' };
        const address = BigInt.asUintN(64, request.number('statement'));
        return [
          {
            name: `${base === 'kernel' ? 'kernel' : `module("${request.string('module') ?? ''}")`}.statement(0x${address.toString(16)}).absolute`,
            point: { family: 'kprobe', offset: 0, address: address.toString(), return: false },
          },
        ];
      },
    },
  ];
}

export const codeFamily: Family = {
  name: 'code',
  points: [...codePoints('kernel'), ...codePoints('module(string)')],
};
