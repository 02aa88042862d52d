// The monitor's screen as lines of text: a window with the run's state, and below it one with the script's output. It
// knows no terminal.
import type { ProbeDescription } from '../description.js';
import type { GlobalState, ProbeState } from './status.js';

/** What probes can be sorted by; the index first. */
export const SORT_COLUMNS = ['index', 'hits', 'min', 'avg', 'max', 'probe'] as const;
export type SortColumn = (typeof SORT_COLUMNS)[number];

/** All that the screen shows. */
export interface ScreenState {
  readonly module: string;
  /** Who runs it, as `name (uid)`. */
  readonly user: string;
  /** Kilobytes of the module and of its buffers, where they are known. */
  readonly memory?: string;
  /** Seconds since the start. */
  readonly uptime: number;
  readonly probes: readonly ProbeState[];
  readonly descriptions: readonly ProbeDescription[];
  readonly globals: readonly GlobalState[];
  readonly sort: SortColumn;
  /** The status window is hidden: all rows are the output's. */
  readonly hidden: boolean;
  /** Which window the arrows scroll. */
  readonly scrolling: 'status' | 'output';
  /** Lines that each window is scrolled: the status from its top, the output up from its end. */
  readonly statusOffset: number;
  readonly outputOffset: number;
  readonly output: readonly string[];
  /** What is asked or told in the last row. */
  readonly prompt?: string;
}

/** The rows of the screen, and how far each window can be scrolled. */
export interface Screen {
  readonly rows: readonly string[];
  readonly statusEnd: number;
  readonly outputEnd: number;
}

const KEYS = 'c reset  s sort  t toggle  r resume  p pause  x hide  Tab window  q quit';

/** Draws the screen. */
export function drawScreen(state: ScreenState, columns: number, rows: number): Screen {
  const body = Math.max(0, rows - 1);
  const status = state.hidden ? [] : statusLines(state);
  const statusRows = state.hidden ? 0 : Math.min(status.length, Math.ceil(body * 0.6));
  const rule = state.hidden || body - statusRows < 2 ? [] : [`${'─'.repeat(Math.max(0, columns - 8))} output`];
  const outputRows = Math.max(0, body - statusRows - rule.length);
  const statusEnd = Math.max(0, status.length - statusRows);
  const outputEnd = Math.max(0, state.output.length - outputRows);
  const from = Math.min(state.statusOffset, statusEnd);
  const below = Math.max(0, outputEnd - Math.min(state.outputOffset, outputEnd));
  const shown = [
    ...status.slice(from, from + statusRows),
    ...rule,
    ...pad(state.output.slice(below, below + outputRows), outputRows),
  ];
  const foot = state.prompt ?? `[${state.scrolling}] ${KEYS}`;
  return { rows: [...pad(shown, body), foot].slice(0, rows).map((row) => cut(row, columns)), statusEnd, outputEnd };
}

function pad(lines: readonly string[], length: number): string[] {
  return [...lines, ...Array.from({ length: Math.max(0, length - lines.length) }, () => '')];
}

/** A row holds no more than fits, and nothing that would move the cursor. */
function cut(row: string, columns: number): string {
  const plain = [...row.replaceAll('\t', '  ')].filter((character) => character >= ' ' && character !== '\x7f');
  return plain.slice(0, columns).join('');
}

function statusLines(state: ScreenState): string[] {
  const lines = [
    `up ${duration(state.uptime)}  module ${state.module}  user ${state.user}${state.memory ? `  memory ${state.memory}` : ''}`,
  ];
  if (state.globals.length > 0) {
    lines.push('globals:');
    for (const { name, keys, value } of state.globals) {
      lines.push(`  ${name}${keys.length > 0 ? `[${keys.join(', ')}]` : ''}: ${value}`);
    }
  }
  lines.push(`probes, by ${state.sort}:`);
  lines.push(
    `  ${['index', 'state', 'hits', 'min', 'avg', 'max'].map((name) => name.padStart(name === 'index' ? 5 : 9)).join(' ')}  probe`,
  );
  for (const probe of sortProbes(state)) {
    const numbers = [probe.on ? 'on' : 'off', probe.hits, probe.min, probe.average, probe.max];
    lines.push(
      `  ${String(probe.id).padStart(5)} ${numbers.map((number) => String(number).padStart(9)).join(' ')}  ${nameOf(state, probe)}`,
    );
  }
  return lines;
}

function nameOf({ descriptions }: ScreenState, { id }: ProbeState): string {
  return descriptions[id]?.name ?? `probe ${id}`;
}

/** By index and name upwards, by numbers downwards: what costs most stands first. */
function sortProbes(state: ScreenState): readonly ProbeState[] {
  const { sort } = state;
  const number = (probe: ProbeState): number =>
    sort === 'hits' ? probe.hits : sort === 'min' ? probe.min : sort === 'avg' ? probe.average : probe.max;
  const compare = (a: ProbeState, b: ProbeState): number => {
    if (sort === 'index') return a.id - b.id;
    if (sort === 'probe') return nameOf(state, a) < nameOf(state, b) ? -1 : 1;
    return number(b) - number(a) || a.id - b.id;
  };
  return [...state.probes].sort(compare);
}

function duration(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const whole = Math.floor(seconds);
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
