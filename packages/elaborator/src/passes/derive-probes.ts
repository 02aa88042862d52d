// Turns each probe declaration into the probes it stands for: aliases and wildcards are expanded, families build the
// points at the ends, and every step is kept for messages. Works over one tree of all names that a probe point can
// have, families' patterns and aliases alike.
import {
  type Ast,
  type Block,
  compareVersions,
  type ProbeAlias,
  type ProbeDeclaration,
  type ProbePart,
  type ProbePoint,
  type ScriptFile,
} from '@stapkit/parser';
import type { Diagnostic, RelatedPlace } from '@stapkit/pass';
import { errorLimit, messages } from '../diagnostics.js';
import type { Token } from '../draft.js';
import type { ProbeStep, ResolvedPoint } from '../elaborated.js';
import {
  type Coverage,
  type Family,
  formatParts,
  isFault,
  type PointPattern,
  type PointRequest,
  type PointVariables,
} from '../families/family.js';
import { similarNames } from '../similar.js';
import type { SymbolSource } from '../symbol-source.js';
import type { TokenNamer } from '../tokens.js';

/** One block of a handler and the file whose names it sees. */
export interface HandlerPart {
  readonly file: ScriptFile;
  readonly block: Block;
}

/** One probe that a declaration stands for. */
export interface DerivedProbe {
  readonly declaration: ProbeDeclaration;
  readonly file: ScriptFile;
  readonly name: string;
  readonly written: string;
  readonly declared: string;
  readonly chain: readonly ProbeStep[];
  readonly point: ResolvedPoint;
  readonly variables?: () => PointVariables;
  readonly handler: readonly HandlerPart[];
  readonly conditions: readonly { readonly file: ScriptFile; readonly point: ProbePoint }[];
}

/** Why an optional point was left out; `stap explain` shows it. */
export interface DroppedPoint {
  readonly declaration: ProbeDeclaration;
  readonly chain: readonly ProbeStep[];
  /** Worked out only when asked for: spelling help compares with every name there is. */
  readonly reasons: () => readonly RelatedPlace[];
}

/** What became of the functions of one point. */
export type PointCoverage = Coverage & { readonly point: string };

/** Why a point did not resolve. Most are never shown, since a point has alternatives or is optional. */
type Reason = () => RelatedPlace;

export interface DeriveOptions {
  readonly families: readonly Family[];
  readonly symbols: SymbolSource;
  readonly guru: boolean;
  /** `--privilege`; `stapdev` where it is left out. */
  readonly privilege?: 'stapusr' | 'stapsys' | 'stapdev';
  /** `--compatible` */
  readonly languageVersion?: string;
  /** Points are only shown (`-l`), so they are to be as exact as can be. */
  readonly listing?: boolean;
  readonly tokens: TokenNamer;
  /** Alias names of the whole library, for spelling help; the AST holds only the files in use. */
  readonly nearest?: (name: string) => readonly string[];
  /** Most probes of one script. */
  readonly limit?: number;
}

export interface DerivedProbes {
  readonly probes: readonly DerivedProbe[];
  readonly dropped: readonly DroppedPoint[];
  /** What became of functions that debug information was asked for, in order. */
  readonly coverage: readonly PointCoverage[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A name in the tree of probe points. */
interface PointNode {
  /** Keyed by the part's name and the kind of its argument: `ms(number)`. */
  readonly children: Map<string, PointNode>;
  patterns: PointPattern[];
  aliases: { readonly alias: ProbeAlias; readonly file: ScriptFile }[];
}

function newNode(): PointNode {
  return { children: new Map(), patterns: [], aliases: [] };
}

function childKey(part: ProbePart): string {
  return part.argument ? `${part.name}(${part.argument.kind})` : part.name;
}

function childOf(node: PointNode, key: string): PointNode {
  let child = node.children.get(key);
  if (!child) {
    child = newNode();
    node.children.set(key, child);
  }
  return child;
}

/** Builds the tree. Families' patterns hold no dots inside their parentheses, so splitting is safe. */
function buildTree(ast: Ast, families: readonly Family[]): PointNode {
  const root = newNode();
  for (const family of families) {
    for (const pattern of family.points) {
      let node = root;
      for (const key of pattern.pattern.split('.')) node = childOf(node, key);
      node.patterns.push(pattern);
    }
  }
  for (const file of [...ast.user, ...ast.library]) {
    for (const declaration of file.declarations) {
      if (declaration.kind !== 'probe-alias') continue;
      for (const name of declaration.names) {
        let node = root;
        for (const part of name.parts) node = childOf(node, childKey(part));
        node.aliases.push({ alias: declaration, file });
      }
    }
  }
  return root;
}

/** The names of the user's aliases: they are words alone, so that no use of one could differ from its definition. */
function checkAliases(ast: Ast, tokens: TokenNamer): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const file of ast.user) {
    for (const declaration of file.declarations) {
      if (declaration.kind !== 'probe-alias') continue;
      for (const part of declaration.names.flatMap((name) => name.parts)) {
        const cause = part.argument
          ? `alias component ${part.name} contains illegal parameter`
          : /^\*+$/.test(part.name)
            ? 'invalid use of wildcard probe point component'
            : undefined;
        if (cause === undefined) continue;
        diagnostics.push(
          messages.whileRegistering(tokens.token(declaration), [messages.cause(cause, tokens.token(part))]),
        );
        break;
      }
    }
  }
  return diagnostics;
}

/** Where in the expansion a point stands: the aliases it came through. */
interface Context {
  readonly declaration: ProbeDeclaration;
  readonly file: ScriptFile;
  readonly chain: readonly ProbeStep[];
  /** Aliases being expanded, for the recursion check. */
  readonly active: readonly ProbeAlias[];
  /** Handler parts so far: those before the inner body, and those after it, innermost last. */
  readonly before: readonly HandlerPart[];
  readonly after: readonly HandlerPart[];
  readonly conditions: readonly { readonly file: ScriptFile; readonly point: ProbePoint }[];
  readonly written: string;
  readonly optional: boolean;
}

/** Longest string of a probe point: no path or name is longer, and families make patterns of it. */
const LONGEST_ARGUMENT = 4096;

/** Most aliases inside one another; more is a mistake, and would exhaust the stack. */
const DEEPEST = 200;

/**
 * Expands every probe declaration of the user's scripts.
 *
 * @returns the probes in order, what was left out, and an error for each point that resolves to nothing and is not
 *   optional
 */
export function deriveProbes(ast: Ast, options: DeriveOptions): DerivedProbes {
  const tree = buildTree(ast, options.families);
  const limit = options.limit ?? 100_000;
  const probes: DerivedProbe[] = [];
  const dropped: DroppedPoint[] = [];
  const diagnostics: Diagnostic[] = [];
  const coverage: PointCoverage[] = [];
  const results = { diagnostics, coverage };
  diagnostics.push(...checkAliases(ast, options.tokens));
  const libraryFiles = new Set(ast.library);
  const isExhausted = errorLimit(diagnostics);
  let overLimit = false;
  /** A point that the privilege level does not allow was among those tried. */
  let isRefused = false;

  const step = (text: string, span: ProbePoint['span'], how: ProbeStep['how']): ProbeStep => ({ text, span, how });

  /** Resolves one written point. @returns the number of probes it gave; reasons are added where it gave none */
  function resolve(point: ProbePoint, context: Context, reasons: Reason[]): number {
    const before = probes.length;
    const inner = point.condition
      ? { ...context, conditions: [...context.conditions, { file: context.file, point }] }
      : context;
    match(point.parts, 0, tree, point, inner, reasons, []);
    return probes.length - before;
  }

  /** Tries the rest of a point below a node of the tree. `taken` are the parts matched so far, wildcards replaced. */
  function match(
    parts: readonly ProbePart[],
    index: number,
    node: PointNode,
    point: ProbePoint,
    context: Context,
    reasons: Reason[],
    taken: readonly ProbePart[],
  ): void {
    if (probes.length >= limit) {
      overLimit = true;
      return;
    }
    const part = parts[index];
    if (!part) {
      for (const pattern of node.patterns) build(pattern, point, context, reasons, taken);
      for (const { alias, file } of node.aliases) expand(alias, file, [], point, context, reasons, taken);
      if (node.patterns.length === 0 && node.aliases.length === 0) {
        const last = taken[taken.length - 1] ?? point.parts[0];
        reasons.push(() =>
          messages.pointTruncated(
            [...node.children.keys()].sort(),
            last ? options.tokens.token(last) : options.tokens.token(point),
          ),
        );
      }
      return;
    }
    if (part.name.includes('*')) {
      matchWildcard(parts, index, node, point, context, reasons, taken);
      return;
    }
    const child = node.children.get(childKey(part));
    if (child) {
      match(parts, index + 1, child, point, context, reasons, [...taken, part]);
      return;
    }
    // What an alias does not have itself is a suffix for the points behind it.
    if (node.aliases.length > 0) {
      for (const { alias, file } of node.aliases) {
        expand(alias, file, parts.slice(index), point, context, reasons, taken);
      }
      return;
    }
    const token = options.tokens.token(part);
    if (index > 0 && (node.children.size === 0 || node.patterns.length > 0)) {
      reasons.push(() => messages.invalidSuffix(token));
      if (node.children.size > 0) {
        reasons.push(() => messages.cause(`what may follow: ${[...node.children.keys()].sort().join(', ')}`));
      }
      return;
    }
    reasons.push(() => {
      const deeper = nearDeeper(parts, taken.length);
      return deeper
        ? messages.pointMismatch(deeper.near, options.tokens.token(deeper.part))
        : messages.pointMismatch(nearPoints(part.name, node, taken), token);
    });
  }

  /**
   * A part that is right may still be missing here, because no file of the tapset that has it was needed. The library's
   * names then tell which part is the wrong one.
   */
  function nearDeeper(
    parts: readonly ProbePart[],
    matched: number,
  ): { readonly part: ProbePart; readonly near: readonly string[] } | undefined {
    const candidates = options.listing ? [] : (options.nearest?.(parts.map((part) => part.name).join('.')) ?? []);
    let best = matched;
    let near: string[] = [];
    for (const candidate of candidates) {
      const names = candidate.split('.');
      let same = 0;
      while (same < parts.length && names[same] === parts[same]!.name) same++;
      const name = names[same];
      if (same <= matched || name === undefined) continue;
      if (same > best) near = [];
      if (same >= best && !near.includes(name)) near.push(name);
      best = Math.max(best, same);
    }
    const part = parts[best];
    return part && near.length > 0 ? { part, near: near.slice(0, 5) } : undefined;
  }

  function nearPoints(name: string, node: PointNode, taken: readonly ProbePart[]): string[] {
    if (options.listing) return [];
    const names = new Set([...node.children.keys()].map(bareName));
    const written = [...taken.map((part) => part.name), name].join('.');
    const fromLibrary = (options.nearest?.(written) ?? []).map((full) => full.split('.')[taken.length] ?? full);
    const near = [...new Set([...similarNames(name, names), ...fromLibrary])].filter((found) => found !== name);
    // Where nothing is spelt alike, what there is helps more than silence.
    return (near.length > 0 ? near : [...names].sort()).slice(0, 5);
  }

  function matchWildcard(
    parts: readonly ProbePart[],
    index: number,
    node: PointNode,
    point: ProbePoint,
    context: Context,
    reasons: Reason[],
    taken: readonly ProbePart[],
  ): void {
    const part = parts[index]!;
    const deep = part.name.includes('**');
    const glob = new RegExp(
      `^${part.name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, (stars) => (stars.length > 1 ? '.*' : '[^.]*'))}$`,
    );
    const before = probes.length;
    const inner: Reason[] = [];
    const visit = (at: PointNode, path: readonly ProbePart[], name: string): void => {
      for (const [key, child] of [...at.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
        // A wildcard stands for names, never for arguments: `timer.*(100)` is all those that take a number.
        const wanted = part.argument ? `(${part.argument.kind})` : '';
        const own = bareName(key);
        if (key !== own && key !== `${own}${wanted}`) continue;
        const full = name === '' ? own : `${name}.${own}`;
        const replaced = [
          ...path,
          {
            kind: 'probe-part',
            span: part.span,
            name: own,
            ...(part.argument && key !== own ? { argument: part.argument } : {}),
          } satisfies ProbePart,
        ];
        if (key === `${own}${wanted}` && glob.test(full)) {
          const text = formatParts([...taken, ...replaced, ...parts.slice(index + 1)]);
          const expanded: Context = {
            ...context,
            optional: true,
            written: context.active.length === 0 ? text : context.written,
            chain: [...context.chain, step(text, point.span, 'wildcard')],
          };
          match(parts, index + 1, child, point, expanded, inner, [...taken, ...replaced]);
        }
        if (deep && key === own) visit(child, replaced, full);
      }
    };
    visit(node, [], '');
    if (probes.length > before) return;
    reasons.push(...inner.slice(0, 5));
    reasons.push(() => messages.pointMismatch(nearPoints(part.name, node, taken), options.tokens.token(part)));
  }

  function expand(
    alias: ProbeAlias,
    file: ScriptFile,
    suffix: readonly ProbePart[],
    point: ProbePoint,
    context: Context,
    reasons: Reason[],
    taken: readonly ProbePart[],
  ): void {
    if (context.active.includes(alias)) {
      reasons.push(() => messages.aliasCycle(formatParts(taken), options.tokens.token(point)));
      return;
    }
    if (context.active.length >= DEEPEST) {
      reasons.push(() =>
        messages.cause(`aliases are nested more than ${DEEPEST} levels deep`, options.tokens.token(point)),
      );
      return;
    }
    const body: HandlerPart = { file, block: alias.body };
    const prologue = alias.style === 'prologue';
    const inner: Context = {
      ...context,
      file,
      active: [...context.active, alias],
      // The innermost alias stands closest to the point: its prologue runs first, its epilogue last.
      before: prologue ? [body, ...context.before] : context.before,
      after: [
        ...context.after,
        ...(prologue ? [] : [body]),
        ...(alias.epilogue ? [{ file, block: alias.epilogue }] : []),
      ],
    };
    const before = probes.length;
    const found: Reason[] = [];
    for (const target of alias.points) {
      const extended: ProbePoint = suffix.length === 0 ? target : { ...target, parts: [...target.parts, ...suffix] };
      const text = formatParts(extended.parts);
      const count = resolve(
        extended,
        {
          ...inner,
          optional: context.optional || target.optional || target.sufficient,
          chain: [...inner.chain, { ...step(text, target.span, 'alias'), alias: aliasText(alias) }],
        },
        found,
      );
      if (count > 0 && target.sufficient) break;
      if (count === 0 && !target.optional && !target.sufficient && !context.optional) {
        reasons.push(() => messages.cause('resolution failed in alias expansion', options.tokens.token(target)));
      }
    }
    if (probes.length === before) reasons.push(...found.slice(0, 10));
  }

  function build(
    pattern: PointPattern,
    point: ProbePoint,
    context: Context,
    reasons: Reason[],
    taken: readonly ProbePart[],
  ): void {
    const first = taken[0];
    const token = first ? options.tokens.token(first) : options.tokens.token(point);
    // Those of the lowest level may use what its family says (stap(1), "PROBE RESTRICTIONS"), those above it all points.
    if (options.privilege === 'stapusr' && pattern.privilege !== 'stapusr') {
      const last = taken[taken.length - 1];
      isRefused = true;
      reasons.push(() => messages.privilege('stapusr', last ? options.tokens.token(last) : token));
      return;
    }
    const long = taken.find(
      (part) => part.argument?.kind === 'string' && part.argument.value.length > LONGEST_ARGUMENT,
    );
    if (long) {
      reasons.push(() =>
        messages.cause(`the argument of '${long.name}' is longer than ${LONGEST_ARGUMENT} bytes`, token),
      );
      return;
    }
    const built = pattern.build(new DerivedRequest(taken, libraryFiles.has(context.file), token, options, results));
    if (isFault(built)) {
      reasons.push(() => {
        const names = options.listing ? [] : (built.near?.() ?? []);
        const near = names.length > 0 ? ` (similar: ${names.slice(0, 5).join(', ')})` : '';
        const at = taken.find((part) => part.argument)?.argument;
        return messages.cause(`${built.fault}${near}`, at ? options.tokens.token(at) : token);
      });
      const { hint } = built;
      if (hint !== undefined) reasons.push(() => messages.cause(hint));
      return;
    }
    const mark = point.sufficient ? '!' : point.optional ? '?' : '';
    for (const one of built) {
      if (probes.length >= limit) {
        overLimit = true;
        return;
      }
      const chain =
        context.chain[context.chain.length - 1]?.text === one.name
          ? context.chain
          : [...context.chain, step(one.name, point.span, one.wildcard ? 'wildcard' : 'resolved')];
      probes.push({
        declaration: context.declaration,
        file: context.file,
        name: `${one.name}${mark}`,
        written: context.written,
        declared: declarationText(context.declaration),
        chain,
        point: one.point,
        ...(one.variables ? { variables: one.variables } : {}),
        handler: [...context.before, { file: ownerOf(context), block: context.declaration.body }, ...context.after],
        conditions: context.conditions,
      });
    }
  }

  const owners = new Map<ProbeDeclaration, ScriptFile>();
  function ownerOf(context: Context): ScriptFile {
    return owners.get(context.declaration) ?? context.file;
  }

  for (const file of [...ast.user, ...ast.library]) {
    for (const declaration of file.declarations) {
      if (declaration.kind !== 'probe') continue;
      owners.set(declaration, file);
      for (const point of declaration.points) {
        if (isExhausted()) return { probes, dropped, coverage, diagnostics };
        const text = formatParts(point.parts);
        const context: Context = {
          declaration,
          file,
          chain: [step(text, point.span, 'written')],
          active: [],
          before: [],
          after: [],
          conditions: [],
          written: text,
          optional: false,
        };
        const reasons: Reason[] = [];
        isRefused = false;
        const count = resolve(point, context, reasons);
        if (overLimit) {
          diagnostics.push(messages.tooManyProbes(limit, options.tokens.token(point)));
          return { probes: [], dropped, coverage, diagnostics };
        }
        if (count > 0 && point.sufficient) break;
        // What is not open yet may hold what was not found: to say why not is for the next run.
        if (count > 0 || options.symbols.code?.pending) continue;
        if (point.optional || point.sufficient)
          dropped.push({ declaration, chain: context.chain, reasons: () => reasons.map((reason) => reason()) });
        else {
          const causes = reasons.map((reason) => reason());
          const hints = isRefused ? ['run as a member of the group stapdev or stapsys, or as root'] : [];
          diagnostics.push(messages.whileResolving(options.tokens.token(point), causes, hints));
        }
      }
    }
  }
  return { probes, dropped, coverage, diagnostics };
}

/** Characters of a declaration's points that each of its probes is shown with. */
const LONGEST_DECLARATION = 4096;

const declarationTexts = new WeakMap<ProbeDeclaration, string>();

/** A probe's points as declared, made once: each of thousands of probes is shown with them. */
function declarationText(declaration: ProbeDeclaration): string {
  let text = declarationTexts.get(declaration);
  if (text === undefined) {
    text = '';
    for (const [index, point] of declaration.points.entries()) {
      if (text.length > LONGEST_DECLARATION) {
        text += ',...';
        break;
      }
      text += `${index > 0 ? ',' : ''}${formatPoint(point)}`;
    }
    declarationTexts.set(declaration, text);
  }
  return text;
}

/** Aliases as texts, each made once: an alias of thousands is expanded for each of its uses. */
const aliasTexts = new WeakMap<ProbeAlias, string>();

/** An alias as declared, without its handler: `vfs.read = kernel.function("vfs_read")`. */
function aliasText(alias: ProbeAlias): string {
  let text = aliasTexts.get(alias);
  if (text === undefined) {
    const mark = alias.style === 'prologue' ? '=' : '+=';
    const names = alias.names.map((name) => formatParts(name.parts)).join(' = ');
    text = `${names} ${mark} ${alias.points.map(formatPoint).join(', ')}`;
    aliasTexts.set(alias, text);
  }
  return text;
}

function formatPoint(point: ProbePoint): string {
  return `${formatParts(point.parts)}${point.sufficient ? '!' : point.optional ? '?' : ''}`;
}

function bareName(key: string): string {
  const paren = key.indexOf('(');
  return paren < 0 ? key : key.slice(0, paren);
}

/** What one point's family is told: an object of a class, as there may be thousands of points. */
class DerivedRequest implements PointRequest {
  readonly symbols: SymbolSource;
  readonly kernel: SymbolSource['kernel'];
  readonly guru: boolean;
  readonly listing: boolean;

  constructor(
    readonly parts: readonly ProbePart[],
    readonly library: boolean,
    readonly token: Token,
    private readonly options: DeriveOptions,
    private readonly results: { readonly diagnostics: Diagnostic[]; readonly coverage: PointCoverage[] },
  ) {
    this.symbols = options.symbols;
    this.kernel = options.symbols.kernel;
    this.guru = options.guru;
    this.listing = options.listing ?? false;
  }

  isFor(version: string): boolean {
    const { languageVersion } = this.options;
    return languageVersion !== undefined && compareVersions(languageVersion, version) <= 0;
  }

  number(name: string): bigint {
    const found = this.argument(name);
    return found?.kind === 'number' ? BigInt(found.value) : 0n;
  }

  string(name: string): string | undefined {
    const found = this.argument(name);
    if (found?.kind !== 'string') return undefined;
    const isFile = name === 'module' && found.value.includes('/');
    return (isFile ? this.symbols.moduleOfFile?.(found.value) : undefined) ?? found.value;
  }

  has(name: string): boolean {
    return this.parts.some((part) => part.name === name);
  }

  warn(message: string): void {
    const { diagnostics } = this.results;
    if (!diagnostics.some((one) => one.message.startsWith(message)))
      diagnostics.push(messages.note(message, this.token));
  }

  cover(one: Coverage): void {
    this.results.coverage.push({ ...one, point: formatParts(this.parts) });
  }

  private argument(name: string): ProbePart['argument'] {
    return this.parts.find((part) => part.name === name)?.argument;
  }
}
