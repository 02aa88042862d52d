// A module in memory: it produces the bytes that stapkit_protocol.h tells of, from what a test says happened.
import type { FormatPiece, ModuleDescription, PackedArgument, PrintSite } from '../src/description.js';
import type { ModuleChannel, ModulePort } from '../src/module-port.js';
import { NO_SITE, PROTOCOL_VERSION, RECORD, RECORD_HEADER } from '../src/protocol.js';

/** One record, as a test writes it. */
export interface WrittenRecord {
  kind: number;
  cpu?: number;
  site?: number;
  stamp: bigint | number;
  payload?: Uint8Array;
}

export function record({ kind, cpu = 0, site = NO_SITE, stamp, payload = new Uint8Array() }: WrittenRecord): Buffer {
  const length = RECORD_HEADER + ((payload.length + 7) & ~7);
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(kind, 4);
  bytes.writeUInt16LE(cpu, 6);
  bytes.writeUInt32LE(site >>> 0, 8);
  bytes.writeBigUInt64LE(BigInt(stamp), 16);
  bytes.set(payload, RECORD_HEADER);
  return bytes;
}

export function packLong(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}

export function packString(text: string | Uint8Array): Buffer {
  const content = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  const bytes = Buffer.alloc((4 + content.length + 7) & ~7);
  bytes.writeUInt32LE(content.length);
  bytes.set(content, 4);
  return bytes;
}

export function pack(values: readonly (bigint | number | string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    values.map((value) =>
      typeof value === 'bigint' || typeof value === 'number' ? packLong(value) : packString(value),
    ),
  );
}

export const print = (
  site: number,
  stamp: bigint | number,
  values: readonly (bigint | number | string | Uint8Array)[] = [],
  cpu = 0,
): Buffer => record({ kind: RECORD.PRINT, site, stamp, cpu, payload: pack(values) });

export const message = (kind: number, stamp: number, text: string, site = NO_SITE): Buffer =>
  record({ kind, stamp, site, payload: packString(text) });

export const watermark = (stamp: bigint | number): Buffer => record({ kind: RECORD.WATERMARK, stamp });

export const end = (stamp: bigint | number, status = 0, untold = 0): Buffer =>
  record({ kind: RECORD.END, stamp, payload: Buffer.concat([packLong(status), packLong(untold)]) });

export const loss = (stamp: number, site: number, cause: number, count: number): Buffer =>
  record({ kind: RECORD.LOSS, stamp, site, payload: Buffer.concat([packLong(cause), packLong(count)]) });

/** Takes a format to pieces as the parser does; enough of it for tests. */
export function pieces(format: string): FormatPiece[] {
  const found: FormatPiece[] = [];
  const pattern = /%([-+ #0]*)(\d+|\*)?(?:\.(\d*|\*))?l?([bcdimMopsuxXn%])/g;
  let last = 0;
  const text = (literal: string): void => {
    if (literal) found.push({ kind: 'text', text: literal });
  };
  for (const match of format.matchAll(pattern)) {
    text(format.slice(last, match.index));
    last = match.index + match[0].length;
    const [, flags = '', width, precision, conversion] = match;
    if (conversion === '%') {
      text('%');
      continue;
    }
    const number = (part: string | undefined): number | 'argument' | undefined =>
      part === undefined ? undefined : part === '*' ? 'argument' : Number(part);
    const directive = { kind: 'directive', conversion, flags, width: number(width), precision: number(precision) };
    found.push(directive as FormatPiece);
  }
  text(format.slice(last));
  return found;
}

export function site(id: number, format: string, names: readonly string[] = []): PrintSite {
  const parts = pieces(format);
  const packing: PackedArgument[] = [];
  for (const piece of parts) {
    if (piece.kind === 'text') continue;
    if (piece.width === 'argument') packing.push('long');
    if (piece.precision === 'argument') packing.push('long');
    packing.push(piece.conversion === 's' ? 'string' : /[mM]/.test(piece.conversion) ? 'memory' : 'long');
  }
  return { id, place: `test.stp:${id + 1}:1`, pieces: parts, arguments: packing, names };
}

export function description(sites: readonly PrintSite[]): ModuleDescription {
  return {
    protocol: PROTOCOL_VERSION,
    script: 'test.stp',
    release: '6.1.0-56-amd64',
    architecture: 'x86_64',
    sites,
    probes: [
      { id: 0, name: 'begin', written: 'begin', place: 'test.stp:1:7', family: 'begin' },
      {
        id: 1,
        name: 'kernel.function("vfs_read@fs/read_write.c:449")',
        written: 'vfs.read',
        place: 'test.stp:2:7',
        family: 'kprobe',
      },
    ],
    globals: [],
    limits: {},
  };
}

/** All probes are armed. */
export const STARTED: readonly Buffer[] = [record({ kind: RECORD.START, stamp: 0 }), watermark(1)];

/** What a module in memory does; every field has a harmless default. */
export interface Script {
  sites?: readonly PrintSite[];
  description?: string;
  /** Batches that are there once it has been started. */
  batches?: readonly (readonly Buffer[])[];
  /** The last batches, after `exit`. */
  atExit?: readonly (readonly Buffer[])[];
  /** True where it ends without waiting for `exit`. */
  endsByItself?: boolean;
  onStart?(): void;
  /** True where the batches say themselves when everything is armed. */
  armsLater?: boolean;
  loadFault?: Error;
  /** What the command that says whom it runs for fails with. */
  ownerFault?: Error;
  startFault?: Error;
  attachFault?: Error;
  openFault?: Error;
}

/** A port to one module in memory, which remembers what was asked of it. */
export function moduleDouble(script: Script): ModulePort & { readonly asked: string[] } {
  const asked: string[] = [];
  const queue: Buffer[] = [];
  let over = false;
  let wake: () => void = () => {};
  const push = (batches: readonly (readonly Buffer[])[] = []): void => {
    for (const batch of batches) queue.push(Buffer.concat(batch));
    wake();
  };
  const channel: ModuleChannel = {
    async readDescription() {
      return script.description ?? JSON.stringify(description(script.sites ?? []));
    },
    async command(command) {
      const text = typeof command === 'string' ? command : Buffer.from(command).toString('latin1');
      asked.push(text);
      await new Promise((resolve) => setImmediate(resolve));
      if (text.startsWith('timezone')) return;
      if (text === 'attach') {
        if (script.attachFault) throw script.attachFault;
        return;
      }
      if (text.startsWith('owner')) {
        if (script.ownerFault) throw script.ownerFault;
        return;
      }
      if (text.startsWith('start')) {
        if (script.startFault) throw script.startFault;
        if (!script.armsLater) push([STARTED]);
        script.onStart?.();
        push(script.batches);
        if (script.endsByItself) over = true;
      } else if (text === 'exit') {
        push(script.atExit ?? [[end(1_000_000)]]);
        over = true;
      } else {
        over = true;
      }
      wake();
    },
    async read(into) {
      while (queue.length === 0 && !over) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const batch = queue.shift();
      batch?.copy(into);
      return batch?.length ?? 0;
    },
    async close() {
      asked.push('close');
    },
  };
  return {
    asked,
    async load(module, parameters) {
      asked.push(['load', module.name, ...parameters].join(' '));
      if (script.loadFault) throw script.loadFault;
    },
    async open() {
      asked.push('open');
      if (script.openFault) throw script.openFault;
      return channel;
    },
    async unload() {
      asked.push('unload');
    },
  };
}
