// Symbol lists that kernels give as text: /proc/kallsyms of the running one, System.map of any. Both have lines of an
// address, nm's letter and a name; kallsyms adds the module in brackets (proc(5)).
import { closeSync, openSync, readSync } from 'node:fs';
import { BinaryFault } from '../io/fault.js';

/** The symbols of a kernel, sorted by address. */
export interface KernelSymbolList {
  readonly count: number;
  /**
   * False where every address is 0, as /proc/kallsyms shows them to those who may not know (kptr_restrict): names are
   * good then, addresses are not.
   */
  readonly hasAddresses: boolean;
  /** A symbol by its place in the order of addresses. */
  at(index: number): KernelSymbol;
  /** The symbols of a name: static functions of one name may be several. */
  find(name: string, module?: string): readonly KernelSymbol[];
  /** The last symbol at or before an address, and how far behind its start the address is. */
  lookup(address: bigint): { readonly symbol: KernelSymbol; readonly offset: bigint } | undefined;
  [Symbol.iterator](): IterableIterator<KernelSymbol>;
}

export interface KernelSymbol {
  readonly name: string;
  readonly address: bigint;
  /** As nm(1) marks it: `T` and `t` are code, `D`, `d`, `B`, `b` data, `R`, `r` read-only data. */
  readonly type: string;
  /** The module's name; undefined for the kernel itself. */
  readonly module?: string;
}

/**
 * Reads /proc/kallsyms.
 *
 * @param path another file of the same form
 * @throws the system's error where it can't be read; BinaryFault on a line of another form
 */
export function readKallsyms(path = '/proc/kallsyms'): KernelSymbolList {
  return parseSymbolList(readText(path), path);
}

/**
 * Reads a System.map.
 *
 * @throws the system's error where it can't be read; BinaryFault on a line of another form, or where it is the
 * placeholder that Debian ships (the true one is in the debug package)
 */
export function readSystemMap(path: string): KernelSymbolList {
  const text = readText(path);
  if (text.length < 1000 && /The real System\.map is in/.test(text)) {
    throw new BinaryFault({ file: path, offset: 0 }, 'this is a placeholder; the true file is in the debug package');
  }
  return parseSymbolList(text, path);
}

/** Files in /proc have no size to read by. */
function readText(path: string): string {
  const descriptor = openSync(path, 'r');
  try {
    const pieces: Buffer[] = [];
    for (;;) {
      const piece = Buffer.allocUnsafe(1 << 20);
      const got = readSync(descriptor, piece, 0, piece.length, null);
      if (got === 0) return Buffer.concat(pieces).toString('latin1');
      pieces.push(piece.subarray(0, got));
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Reads lines of `ADDRESS TYPE NAME [MODULE]`. */
export function parseSymbolList(text: string, file: string): KernelSymbolList {
  const expression = /([0-9a-f]+) (\S) ([^\s]+)(?:[ \t]+\[([^\]\n]+)\])?(?:\n|$)/gy;
  const names: string[] = [];
  const types: string[] = [];
  const modules: (string | undefined)[] = [];
  const raw: bigint[] = [];
  let any = false;
  while (expression.lastIndex < text.length) {
    const at = expression.lastIndex;
    const hit = expression.exec(text);
    if (!hit) throw new BinaryFault({ file, offset: at }, 'the line is no symbol');
    const address = BigInt(`0x${hit[1]}`);
    any ||= address !== 0n;
    raw.push(address);
    types.push(hit[2]!);
    names.push(hit[3]!);
    modules.push(hit[4]);
  }
  const order = Uint32Array.from(raw.keys());
  order.sort((a, b) => (raw[a]! < raw[b]! ? -1 : raw[a]! > raw[b]! ? 1 : a - b));
  const addresses = BigUint64Array.from(order, (index) => raw[index]!);
  const at = (index: number): KernelSymbol => {
    const own = order[index]!;
    const module = modules[own];
    return {
      name: names[own]!,
      address: addresses[index]!,
      type: types[own]!,
      ...(module === undefined ? {} : { module }),
    };
  };
  let byName: Map<string, number[]> | undefined;
  return {
    count: names.length,
    hasAddresses: any,
    at,
    find(name, module) {
      if (!byName) {
        byName = new Map();
        for (let index = 0; index < order.length; index++) {
          const own = names[order[index]!]!;
          const list = byName.get(own);
          if (list) list.push(index);
          else byName.set(own, [index]);
        }
      }
      const found = (byName.get(name) ?? []).map(at);
      return module === undefined ? found : found.filter((symbol) => symbol.module === module);
    },
    lookup(address) {
      if (!any) return undefined;
      let low = 0;
      let high = addresses.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (addresses[middle]! <= address) low = middle + 1;
        else high = middle;
      }
      if (low === 0) return undefined;
      // Of symbols at one address the first in the file's order counts, as the kernel itself has it.
      let first = low - 1;
      while (first > 0 && addresses[first - 1] === addresses[first]) first -= 1;
      const symbol = at(first);
      return { symbol, offset: address - symbol.address };
    },
    *[Symbol.iterator]() {
      for (let index = 0; index < order.length; index++) yield at(index);
    },
  };
}
