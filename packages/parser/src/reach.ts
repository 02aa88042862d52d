// Which declarations of library files a script reaches. A library file is taken for one name that it defines; what else
// stands in it stays out of the AST unless it is reached too, so that a small script pulls in little, and neither this
// pass nor a later one works on what nobody uses.
import type { Declaration, FunctionDeclaration, ProbeAlias, ScriptFile } from './ast.js';
import { dottedName, NameCollector, type ReferencedNames } from './names.js';

/** One library file and what is reached of it. */
interface LibraryEntry {
  readonly file: ScriptFile;
  readonly reached: Set<Declaration>;
}

/** One name of an alias of a library file. */
interface AliasEntry {
  readonly node: ProbeAlias;
  readonly name: Dotted;
  readonly entry: LibraryEntry;
}

/** A dotted name, with what comparisons need of it worked out once: there are thousands of them in a large tapset. */
export interface Dotted {
  readonly text: string;
  readonly parts: readonly string[];
  /** What stands before `**`, where that is in it. */
  readonly open?: string;
}

/** Takes a dotted name apart. */
export function dotted(text: string): Dotted {
  const stars = text.indexOf('**');
  return { text, parts: text.split('.'), ...(stars === -1 ? {} : { open: text.slice(0, stars) }) };
}

/** Names by their first part; those whose first part has a wildcard apart. */
class ByFirstPart<T> {
  private readonly plain = new Map<string, T[]>();
  private readonly wild: T[] = [];
  private readonly all: T[] = [];

  add(name: Dotted, value: T): void {
    const first = name.parts[0]!;
    this.all.push(value);
    if (first.includes('*')) this.wild.push(value);
    else push(this.plain, first, value);
  }

  /** What a name with that first part may have to do with. */
  *near(name: Dotted): Iterable<T> {
    const first = name.parts[0]!;
    if (first.includes('*')) {
      yield* this.all;
      return;
    }
    yield* this.plain.get(first) ?? [];
    yield* this.wild;
  }
}

/** The bounds of suffixes, for aliases that stand for themselves: the elaborator reports those. */
const MAXIMUM_PARTS = 16;
const MAXIMUM_SUFFIXED = 5000;

/** Collects names from the user's scripts and from what they reach in library files. */
export class Reach {
  private readonly names = new NameCollector();
  private readonly entries: LibraryEntry[] = [];
  private readonly functions = new Map<string, { node: FunctionDeclaration; entry: LibraryEntry }[]>();
  private readonly globals = new Map<string, LibraryEntry[]>();
  private readonly aliases = new ByFirstPart<AliasEntry>();
  private readonly points = new ByFirstPart<Dotted>();
  private suffixed = 0;
  private readonly seen = { functions: new Set<string>(), variables: new Set<string>() };

  /** Adds a script of the user's: all of it counts. */
  addUser(file: ScriptFile): void {
    this.names.add(file);
  }

  /** Adds a library file; what the names seen so far reach in it counts. */
  addLibrary(file: ScriptFile): void {
    const entry: LibraryEntry = { file, reached: new Set() };
    this.entries.push(entry);
    for (const node of file.declarations) {
      switch (node.kind) {
        case 'function': {
          push(this.functions, node.name, { node, entry });
          if (this.seen.functions.has(node.name)) this.reach(node, entry);
          break;
        }
        case 'global':
          push(this.globals, node.name, entry);
          if (this.seen.variables.has(node.name)) this.reachFile(entry);
          break;
        case 'probe-alias':
          for (const point of node.names) {
            const alias: AliasEntry = { node, name: dotted(dottedName(point)), entry };
            this.aliases.add(alias.name, alias);
            for (const seen of this.points.near(alias.name)) this.tryAlias(seen, alias);
          }
          break;
      }
    }
  }

  /** Returns the names that came in since the last call, or undefined where there are none. */
  take(): ReferencedNames | undefined {
    const fresh = this.names.take();
    if (!fresh) return undefined;
    for (const name of fresh.functions) {
      this.seen.functions.add(name);
      for (const { node, entry } of this.functions.get(name) ?? []) this.reach(node, entry);
    }
    for (const name of fresh.variables) {
      this.seen.variables.add(name);
      for (const entry of this.globals.get(name) ?? []) this.reachFile(entry);
    }
    for (const probe of fresh.probes) {
      const point = dotted(probe);
      this.points.add(point, point);
      for (const alias of this.aliases.near(point)) this.tryAlias(point, alias);
    }
    return fresh;
  }

  /** The library files that are reached, each with the declarations that are. */
  library(): ScriptFile[] {
    return this.entries
      .filter(({ reached }) => reached.size > 0)
      .map(({ file, reached }) => ({
        ...file,
        declarations: file.declarations.filter(
          (node) => reached.has(node) || (node.kind !== 'function' && node.kind !== 'probe-alias'),
        ),
      }));
  }

  /** Takes an alias where a point may go to it. The point's suffix goes on behind the alias's own points. */
  private tryAlias(point: Dotted, { node, name, entry }: AliasEntry): void {
    if (!mayReach(point, name)) return;
    this.reach(node, entry);
    const suffix = point.open === undefined ? point.parts.slice(name.parts.length) : ['**'];
    if (suffix.length === 0) return;
    for (const target of node.points) {
      if (target.parts.length + suffix.length > MAXIMUM_PARTS || this.suffixed >= MAXIMUM_SUFFIXED) return;
      this.suffixed += 1;
      this.names.addProbe([dottedName(target), ...suffix].join('.'));
    }
  }

  private reach(node: Declaration, entry: LibraryEntry): void {
    if (entry.reached.has(node)) return;
    this.reachFile(entry);
    entry.reached.add(node);
    this.names.add(node);
  }

  /** A file that is in use brings its globals, its embedded code, and its probes, which set things up for the rest. */
  private reachFile(entry: LibraryEntry): void {
    if (entry.reached.size > 0) return;
    for (const node of entry.file.declarations) {
      if (node.kind === 'function' || node.kind === 'probe-alias') continue;
      entry.reached.add(node);
      this.names.add(node);
    }
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/**
 * Whether a probe point may go to an alias: every part of the alias's name fits, and the point may go on with a suffix
 * of the alias's own points. `*` is any run of characters in a part, `**` also one over several parts.
 *
 * @param point the point's dotted name
 * @param alias the alias's
 */
export function mayReach(point: Dotted, alias: Dotted): boolean {
  const { open } = point;
  if (open !== undefined) {
    // Anything may follow two stars, so only what stands before them is compared.
    return open.startsWith(`${alias.text}.`) || fits(`${open}*`, alias.text);
  }
  return (
    alias.parts.length <= point.parts.length && alias.parts.every((part, index) => fits(point.parts[index]!, part))
  );
}

function fits(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  const pieces = pattern.split('*');
  const last = pieces.pop()!;
  const [first = ''] = pieces;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1)) {
    const found = name.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
