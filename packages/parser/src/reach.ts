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
  /** What stands between the stars of each part; undefined where no part has one. */
  readonly pieces: readonly (readonly string[])[] | undefined;
  /** What stands before `**`, where that is in it, and the pieces of all that may follow it. */
  readonly open: { readonly text: string; readonly pieces: readonly string[] } | undefined;
}

/** Takes a dotted name apart. */
export function dotted(text: string): Dotted {
  const parts = text.split('.');
  if (!text.includes('*')) return { text, parts, pieces: undefined, open: undefined };
  const stars = text.indexOf('**');
  const open = stars === -1 ? undefined : text.slice(0, stars);
  return {
    text,
    parts,
    pieces: parts.map((part) => part.split('*')),
    open: open === undefined ? undefined : { text: open, pieces: `${open}*`.split('*') },
  };
}

interface Branch<T> {
  readonly children: Map<string, Branch<T>>;
  readonly values: T[];
}

/**
 * Values by dotted names, as a tree of their parts up to the first that has a wildcard: `syscall.open.**` stands for a
 * place among thousands of `syscall.…`, and only what is on the way there or below can have to do with it.
 */
export class DottedTree<T> {
  private readonly root: Branch<T> = { children: new Map(), values: [] };

  add(name: Dotted, value: T): void {
    let branch = this.root;
    for (const part of name.parts) {
      if (part.includes('*')) break;
      let child = branch.children.get(part);
      if (!child) {
        child = { children: new Map(), values: [] };
        branch.children.set(part, child);
      }
      branch = child;
    }
    branch.values.push(value);
  }

  /** What a name may have to do with: a superset of what reaches it and of what it reaches. */
  near(name: Dotted): readonly T[] {
    const found: T[] = [];
    let branch: Branch<T> | undefined = this.root;
    for (const part of name.parts) {
      if (part.includes('*')) break;
      found.push(...branch.values);
      branch = branch.children.get(part);
      if (!branch) return found;
    }
    const below = [branch];
    for (const one of below) {
      for (const value of one.values) found.push(value);
      for (const child of one.children.values()) below.push(child);
    }
    return found;
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
  private readonly aliases = new DottedTree<AliasEntry>();
  private readonly points = new DottedTree<Dotted>();
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
  const { open, pieces } = point;
  if (open !== undefined) {
    // Anything may follow two stars, so only what stands before them is compared.
    return fits(open.pieces, alias.text) || open.text.startsWith(`${alias.text}.`);
  }
  const { parts } = alias;
  if (parts.length > point.parts.length) return false;
  for (let at = 0; at < parts.length; at++) {
    if (pieces === undefined ? point.parts[at] !== parts[at] : !fits(pieces[at]!, parts[at]!)) return false;
  }
  return true;
}

/** Whether a name is the pieces, in order, with anything between them. */
function fits(pieces: readonly string[], name: string): boolean {
  const first = pieces[0]!;
  if (pieces.length === 1) return first === name;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (let index = 1; index < pieces.length - 1; index++) {
    const found = name.indexOf(pieces[index]!, at);
    if (found === -1) return false;
    at = found + pieces[index]!.length;
  }
  const last = pieces[pieces.length - 1]!;
  return name.length - last.length >= at && name.endsWith(last);
}
