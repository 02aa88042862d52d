// @stapkit/dwarf: reads ELF, BTF and DWARF, and answers what is known of a kernel. It knows nothing of scripts.
export {
  Btf,
  BtfKind,
  type BtfMember,
  type BtfParameter,
  type BtfType,
  parseBtf,
} from './btf/btf.js';
export { printCType } from './btf/print-c.js';
export { type CompressionFormat, compressionFormat, unpackStream, unpackSync } from './decompress/decompress.js';
export { ElfFile, type ElfNote, type ElfSection, type ElfSegment, openElf } from './elf/elf-file.js';
export { type ElfSymbol, ElfSymbols } from './elf/symbols.js';
export { type ByteSource, bufferSource, openFileSource } from './io/byte-source.js';
export { Cursor } from './io/cursor.js';
export { type Attempt, attempt, BinaryFault, type BinaryPlace } from './io/fault.js';
export { type ImageFacts, inspectKernelImage, type KernelImage, readKernelImage } from './kernel/kernel-image.js';
export type {
  FunctionFacts,
  KernelIdentity,
  KernelSymbols,
  MemberFacts,
  MemberText,
  ParameterFacts,
  PrototypeText,
  TracepointFacts,
  TypeFacts,
} from './kernel/kernel-symbols.js';
export { listModuleFiles, moduleNameOf, openModuleFile } from './kernel/modules.js';
export {
  kernelImageCandidates,
  type OpenKernelContext,
  type OpenKernelOptions,
  openKernel,
} from './kernel/open-kernel.js';
