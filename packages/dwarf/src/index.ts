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
export { type DebugIndexOptions, openDebugIndex } from './debug-index/build-index.js';
export { DebugIndex, type IndexedFunction, type IndexedLabel } from './debug-index/debug-index.js';
export { type DebugFunction, type DebugSymbols, debugSymbols, type LineAddress } from './debug-index/debug-symbols.js';
export { type DebuginfodOptions, fetchByBuildId } from './debuginfo/debuginfod.js';
export {
  alternateLink,
  buildIdPath,
  DEBUG_FOLDERS,
  type DebugInfo,
  debugFileCandidates,
  debugLink,
  findDebugFile,
  miniDebugInfo,
  openDebugInfo,
  openSupplementary,
} from './debuginfo/find.js';
export { type CompressionFormat, compressionFormat, unpackStream, unpackSync } from './decompress/decompress.js';
export {
  attributeName,
  DW_AT,
  DW_ATE,
  DW_FORM,
  DW_INL,
  DW_OP,
  DW_TAG,
  DW_UT,
  operationName,
  tagName,
} from './dwarf/constants.js';
export { type Attribute, Die } from './dwarf/die.js';
export { Dwarf } from './dwarf/dwarf.js';
export {
  decodeExpression,
  EvaluationError,
  type ExpressionContext,
  evaluate,
  expressionContext,
  type Location,
  type Machine,
  type Operation,
  type Piece,
  printExpression,
} from './dwarf/expression.js';
export type { RawValue } from './dwarf/form.js';
export {
  type CfaRule,
  type FrameDescription,
  type FrameRow,
  FrameTable,
  frameTables,
  type RegisterRule,
} from './dwarf/frame.js';
export {
  linkageName,
  parametersOf,
  qualifiedName,
  type SourceFrame,
  scopesAt,
  subprogramAt,
  symbolize,
  variablesAt,
} from './dwarf/functions.js';
export { type LineFile, type LineRow, LineTable } from './dwarf/line.js';
export { expressionAt, type LocationDescription, type LocationEntry, locationOf } from './dwarf/location.js';
export { findByName, type NamedEntry } from './dwarf/names.js';
export type {
  DebugAbbrevOffset,
  DebugInfoOffset,
  DebugLineOffset,
  DebugLocListsOffset,
  DebugLocOffset,
  DebugRangesOffset,
  DebugRngListsOffset,
  DebugTypesOffset,
  FrameOffset,
} from './dwarf/offsets.js';
export { type AddressRange, entryAddress, rangesOf } from './dwarf/ranges.js';
export { dwarfTypeFacts, typeDie, typeIdOf, typeIdOfValue } from './dwarf/type-facts.js';
export { Unit, type UnitHeader } from './dwarf/unit.js';
export {
  binaryTree,
  followOperations,
  type LocationPlace,
  type PlacedVariable,
  placedVariables,
  type ValueLocation,
  type ValueTree,
  valueLocation,
} from './dwarf/value-location.js';
export {
  ElfFile,
  type ElfNote,
  type ElfOptions,
  type ElfSection,
  type ElfSegment,
  openElf,
  spreadSections,
} from './elf/elf-file.js';
export { type ElfSymbol, ElfSymbols } from './elf/symbols.js';
export { type ByteSource, bufferSource, openFileSource } from './io/byte-source.js';
export { Cursor } from './io/cursor.js';
export { type Attempt, attempt, BinaryFault, type BinaryPlace } from './io/fault.js';
export type { CodeFilesOptions } from './kernel/code-files.js';
export type * from './kernel/code-types.js';
export {
  type KernelSymbol,
  type KernelSymbolList,
  parseSymbolList,
  readKallsyms,
  readSystemMap,
} from './kernel/kallsyms.js';
export { type KernelCode, kernelCode } from './kernel/kernel-code.js';
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
export { type ObjectTypes, objectTypes } from './kernel/object-types.js';
export {
  kernelImageCandidates,
  type OpenKernelContext,
  type OpenKernelOptions,
  openKernel,
} from './kernel/open-kernel.js';
export { kernelDebugCandidates, type OpenKernelDebugOptions, openKernelDebug } from './kernel/open-kernel-debug.js';
export { type DemangleOptions, demangle, manglingOf } from './names/demangle.js';
