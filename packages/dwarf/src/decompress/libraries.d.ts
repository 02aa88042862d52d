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
