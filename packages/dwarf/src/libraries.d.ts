// Types of the libraries that bring none.
declare module 'lz4js' {
  export function decompressBlock(
    src: Uint8Array,
    dst: Uint8Array,
    sIndex: number,
    sLength: number,
    dIndex: number,
  ): number;
  export function decompressFrame(src: Uint8Array, dst: Uint8Array): number;
  export function decompressBound(src: Uint8Array): number;
}
declare module 'unbzip2-stream' {
  export default function unbzip2Stream(): NodeJS.ReadWriteStream;
}
declare module 'gecko-profiler-demangle/index_bg.js' {
  export function __wbg_set_wasm(exports: unknown): void;
  export function demangle_any(name: string): string;
  export function __wbindgen_init_externref_table(): void;
}

/** The little of WebAssembly that is used; Node's types leave it to those of browsers. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class RuntimeError extends Error {}
  class Instance {
    constructor(module: Module, imports: Record<string, unknown>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
}
