// `--monitor`: watches a run on a terminal, by the keys that stap(1) documents.
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { ProbeDescription } from '../description.js';
import { drawScreen, type ScreenState, SORT_COLUMNS } from './screen.js';
import type { MonitorSource } from './status.js';

/** A terminal that a monitor draws on. */
export interface MonitorTerminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
  /** Calls back for each key by its name: a character, or `tab`, `up`, `pageup`, …; `ctrl+c` too. */
  onKey(act: (key: string) => void): void;
  /** Calls back when its size has changed. */
  onResize(act: () => void): void;
  close(): void;
}

export interface MonitorOptions {
  readonly terminal: MonitorTerminal;
  /** Seconds between two looks. */
  readonly interval: number;
  /** Ends the run in good order. */
  interrupt(): void;
  /** For tests; `/proc/modules` by default. */
  readonly memory?: (module: string) => Promise<string | undefined>;
}

/** Lines of output that can be scrolled back to. */
const KEPT_LINES = 5000;

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[2J';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** A run's monitor. */
export class Monitor {
  readonly #options: MonitorOptions;
  #source: MonitorSource | undefined;
  #timer: NodeJS.Timeout | undefined;
  #begun = Date.now();
  #closed = false;
  #partial = '';
  readonly #output: string[] = [];
  #looking: Promise<void> | undefined;
  /** Digits typed so far where an index is asked for. */
  #asked: string | undefined;
  #told: string | undefined;
  #ends = { statusEnd: 0, outputEnd: 0 };
  #state: Omit<ScreenState, 'output' | 'uptime' | 'prompt'> = {
    module: '',
    user: userName(),
    probes: [],
    descriptions: [],
    globals: [],
    sort: 'index',
    hidden: false,
    scrolling: 'status',
    statusOffset: 0,
    outputOffset: 0,
  };

  constructor(options: MonitorOptions) {
    this.#options = options;
    const { terminal } = options;
    terminal.write(ENTER);
    terminal.onKey((key) => void this.#key(key));
    terminal.onResize(() => this.draw());
    this.draw();
  }

  /** The probes are armed: from now on there is something to watch. */
  start(module: string, descriptions: readonly ProbeDescription[], source: MonitorSource): void {
    this.#source = source;
    this.#begun = Date.now();
    this.#state = { ...this.#state, module, descriptions };
    void (this.#options.memory ?? moduleMemory)(module).then((memory) => {
      if (memory) this.#state = { ...this.#state, memory };
    });
    this.#timer = setInterval(() => void this.look(), this.#options.interval * 1000);
    void this.look();
  }

  /** Takes the script's output. */
  output(bytes: Uint8Array): void {
    const lines = (this.#partial + Buffer.from(bytes).toString('utf8')).split('\n');
    this.#partial = lines.pop()!;
    this.#output.push(...lines);
    this.#output.splice(0, this.#output.length - KEPT_LINES);
    // While somebody reads further up, what they read stays where it is.
    if (this.#state.outputOffset > 0) this.#scrollOutput(lines.length);
  }

  /** Takes a line of its own, e.g. a warning. */
  line(text: string): void {
    this.output(Buffer.from(`${text}\n`));
    this.draw();
  }

  /** Asks the module how it is, and shows it. */
  look(): Promise<void> {
    // One look at a time: a slow machine must not be asked faster than it answers.
    this.#looking ??= (async () => {
      try {
        const status = await this.#source?.read();
        if (status) this.#state = { ...this.#state, ...status };
      } catch {
        // The run is ending, and its files have gone.
      }
      this.#looking = undefined;
      this.draw();
    })();
    return this.#looking;
  }

  /** Ends the watching. What the script has printed last stays on the terminal. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    const { terminal } = this.#options;
    const last = this.#output.slice(-Math.max(1, terminal.rows - 2));
    const rest = [...last, ...(this.#partial === '' ? [] : [this.#partial])];
    terminal.write(`${LEAVE}${rest.map((line) => `${line}\n`).join('')}`);
    terminal.close();
  }

  /** Draws the screen as it is now. */
  draw(): void {
    if (this.#closed) return;
    const { terminal } = this.#options;
    const prompt = this.#asked === undefined ? this.#told : `index of the probe to switch, then Enter: ${this.#asked}`;
    const output = this.#partial === '' ? this.#output : [...this.#output, this.#partial];
    const uptime = this.#source ? (Date.now() - this.#begun) / 1000 : 0;
    const state = { ...this.#state, output, uptime, ...(prompt === undefined ? {} : { prompt }) };
    const { rows, ...ends } = drawScreen(state, terminal.columns, terminal.rows);
    this.#ends = ends;
    terminal.write(`\x1b[H${rows.map((row) => `${row}\x1b[K`).join('\r\n')}`);
  }

  async #key(key: string): Promise<void> {
    this.#told = undefined;
    if (key === 'ctrl+c' || (key === 'q' && this.#asked === undefined)) {
      this.#options.interrupt();
      return;
    }
    if (this.#asked !== undefined) await this.#answer(key);
    else await this.#command(key);
    this.draw();
  }

  async #answer(key: string): Promise<void> {
    const asked = this.#asked!;
    if (/^\d$/.test(key)) this.#asked = asked + key;
    else if (key === 'backspace') this.#asked = asked.slice(0, -1);
    else if (key === 'escape') this.#asked = undefined;
    else if (key === 'return' || key === 'enter') {
      this.#asked = undefined;
      if (asked === '') return;
      const probe = this.#state.probes.find(({ id }) => id === Number(asked));
      if (probe) await this.#send(`${probe.on ? 'off' : 'on'} ${probe.id}`);
      else this.#told = `there is no probe ${asked}`;
    }
  }

  async #command(key: string): Promise<void> {
    const state = this.#state;
    switch (key) {
      case 'c':
        return await this.#send('reset');
      case 'r':
        return await this.#send('on');
      case 'p':
        return await this.#send('off');
      case 't':
        this.#asked = '';
        return;
      case 's': {
        const next = (SORT_COLUMNS.indexOf(state.sort) + 1) % SORT_COLUMNS.length;
        this.#state = { ...state, sort: SORT_COLUMNS[next]! };
        return;
      }
      case 'x':
        this.#state = { ...state, hidden: !state.hidden };
        return;
      case 'tab':
        this.#state = { ...state, scrolling: state.scrolling === 'status' ? 'output' : 'status' };
        return;
      default:
        this.#scroll(key);
    }
  }

  #scroll(key: string): void {
    const page = Math.max(1, this.#options.terminal.rows >> 1);
    const steps: Readonly<Record<string, number>> = {
      up: -1,
      down: 1,
      pageup: -page,
      pagedown: page,
      home: Number.NEGATIVE_INFINITY,
      end: Number.POSITIVE_INFINITY,
    };
    const step = steps[key];
    if (step === undefined) return;
    if (this.#state.scrolling === 'output') {
      // The output's offset counts from its end.
      this.#scrollOutput(-step);
      return;
    }
    const statusOffset = Math.min(this.#ends.statusEnd, Math.max(0, this.#state.statusOffset + step));
    this.#state = { ...this.#state, statusOffset };
  }

  #scrollOutput(step: number): void {
    const outputOffset = Math.min(this.#ends.outputEnd, Math.max(0, this.#state.outputOffset + step));
    this.#state = { ...this.#state, outputOffset };
  }

  async #send(command: string): Promise<void> {
    try {
      await this.#source?.command(command);
    } catch (error) {
      this.#told = `the module does not take "${command}": ${(error as Error).message}`;
    }
    await this.look();
  }
}

function userName(): string {
  try {
    const { username, uid } = userInfo();
    return `${username} (${uid})`;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}

/** The size of a module's code and data, from /proc/modules. */
async function moduleMemory(module: string): Promise<string | undefined> {
  const text = await readFile('/proc/modules', 'utf8').catch(() => '');
  const size = new RegExp(`^${module} (\\d+)`, 'm').exec(text)?.[1];
  return size === undefined ? undefined : `${Math.ceil(Number(size) / 1024)} kB`;
}
