// What a module with `--monitor` tells of itself: rows in files below /proc/systemtap/NAME. The translator writes them
// (packages/translator/src/instrument.ts); rows end with RS, their fields are apart by US, which no script's text has.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One probe's state. */
export interface ProbeState {
  readonly id: number;
  readonly on: boolean;
  readonly hits: number;
  /** Cycles of its handler; 0 where it was never hit. */
  readonly min: number;
  readonly average: number;
  readonly max: number;
}

/** One global's value; an array has some of its entries. */
export interface GlobalState {
  readonly name: string;
  readonly keys: readonly string[];
  readonly value: string;
}

export interface MonitorStatus {
  readonly probes: readonly ProbeState[];
  readonly globals: readonly GlobalState[];
}

/** A module that can be watched. */
export interface MonitorSource {
  read(): Promise<MonitorStatus>;
  /** `on N`, `off N`, `on`, `off`, `reset`. */
  command(text: string): Promise<void>;
}

/** Where the translator's files lie. */
const FOLDER = '/proc/systemtap';
const NAME = '__monitor';

/** Reads rows. */
export function parseStatus(text: string): MonitorStatus {
  const probes: ProbeState[] = [];
  const globals: GlobalState[] = [];
  for (const row of text.split('\x1e')) {
    const [kind, ...fields] = row.split('\x1f');
    if (kind === 'probe') {
      const [id = 0, on, hits = 0, min = 0, average = 0, max = 0] = fields.map(Number);
      probes.push({ id, on: on !== 0, hits, min, average, max });
    } else if (kind === 'global') {
      const [name = '', ...rest] = fields;
      globals.push({ name, keys: rest.slice(0, -1), value: rest.at(-1) ?? '' });
    }
  }
  return { probes, globals };
}

/** The files of a loaded module. */
export function moduleStatus(module: string, folder = join(FOLDER, module)): MonitorSource {
  return {
    async read() {
      const names = (await readdir(folder)).filter((name) => name.startsWith(`${NAME}_`));
      const number = (name: string): number => Number(name.slice(NAME.length + 1));
      const texts: string[] = [];
      for (const name of names.sort((a, b) => number(a) - number(b))) {
        texts.push(await readFile(join(folder, name), 'latin1'));
      }
      return parseStatus(texts.join(''));
    },
    async command(text) {
      await writeFile(join(folder, NAME), text);
    },
  };
}
