// Which subsystem a tracepoint belongs to (`sched` of `sched:sched_switch`). BTF does not say; the running kernel's
// tracefs does, and so do the trace headers that come with the kernel's headers.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../io/write-parts.js';

/** Macros that define an event whose first argument is its name, and those whose second one is. */
const FIRST = /\b(?:TRACE_EVENT|DECLARE_TRACE)\w*\s*\(\s*(\w+)\s*,/g;
const SECOND = /\bDEFINE_EVENT\w*\s*\(\s*\w+\s*,\s*(\w+)\s*,/g;
/** A subsystem's own macros (`DEFINE_WBC_EVENT(name)`): what is no tracepoint's name is never asked for. */
const OTHER = /\b(?:DEFINE|DECLARE)_[A-Z0-9_]+\s*\(\s*(\w+)\s*[,)]/g;
const SYSTEM = /^\s*#\s*define\s+TRACE_SYSTEM\s+(\w+)/m;

/** Reads the events of a trace header: the names it defines, all of one subsystem. */
export function readTraceHeader(
  text: string,
): { readonly system: string; readonly events: readonly string[] } | undefined {
  const system = SYSTEM.exec(text)?.[1];
  if (!system) return undefined;
  const events: string[] = [];
  for (const expression of [FIRST, SECOND, OTHER]) {
    for (const hit of text.matchAll(expression)) events.push(hit[1]!);
  }
  // x86's interrupt vectors have two events each (arch/x86/include/asm/trace/irq_vectors.h).
  for (const hit of text.matchAll(/\bDEFINE_IRQ_VECTOR_EVENT\s*\(\s*(\w+)\s*\)/g)) {
    events.push(`${hit[1]}_entry`, `${hit[1]}_exit`);
  }
  return { system, events };
}

/**
 * Finds the subsystems of a kernel's tracepoints.
 *
 * @param release the kernel's release
 * @param running whether it is the kernel that runs here
 * @param headerFolders where include/trace/events may be below, the kernel's headers as a rule
 * @param cacheFile where to keep the answer
 */
export function tracepointSystems(
  running: boolean,
  headerFolders: readonly string[],
  cacheFile: string,
): ReadonlyMap<string, string> {
  const known = readCache(cacheFile);
  if (known) return known;
  const systems = new Map<string, string>();
  if (running) {
    for (const folder of ['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing/events']) {
      for (const system of list(folder)) for (const event of list(join(folder, system))) systems.set(event, system);
      if (systems.size > 0) break;
    }
  }
  const seen = new Set<string>();
  for (const folder of headerFolders) {
    readFolder(join(folder, 'include/trace/events'), systems, seen, 0);
    readFolder(join(folder, 'include/ras'), systems, seen, 0);
    for (const architecture of list(join(folder, 'arch'))) {
      const own = join(folder, 'arch', architecture, 'include/asm');
      readFolder(join(own, 'trace'), systems, seen, 0);
      readFolder(own, systems, seen, 0, /trace.*\.h$/);
    }
  }
  if (systems.size > 0) {
    const lines = [...systems].map(([event, system]) => `${event} ${system}`);
    try {
      writeAtomically(cacheFile, `${lines.join('\n')}\n`);
    } catch {
      // Worked out anew next time.
    }
  }
  return systems;
}

function readCache(file: string): Map<string, string> | undefined {
  try {
    const systems = new Map<string, string>();
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const space = line.indexOf(' ');
      if (space > 0) systems.set(line.slice(0, space), line.slice(space + 1));
    }
    return systems.size > 0 ? systems : undefined;
  } catch {
    return undefined;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Reads the headers of a folder, and of those in it unless only some names are `wanted`. */
function readFolder(
  folder: string,
  into: Map<string, string>,
  seen: Set<string>,
  depth: number,
  wanted?: RegExp,
): void {
  let entries: import('node:fs').Dirent[];
  try {
    const { dev, ino } = statSync(folder);
    if (depth > 4 || seen.has(`${dev}:${ino}`)) return;
    seen.add(`${dev}:${ino}`);
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!wanted) readFolder(path, into, seen, depth + 1);
    } else if (wanted ? wanted.test(entry.name) : entry.name.endsWith('.h')) {
      const header = readTraceHeader(readFileSync(path, 'utf8'));
      for (const event of header?.events ?? []) if (!into.has(event)) into.set(event, header!.system);
    }
  }
}
