// @stapkit/staprun: pass 5. Loads a module, reads its records, formats and prints them, unloads it. It needs nothing but
// a .ko: everything it must know of the script travels in the module.
export { ByteWriter } from './byte-writer.js';
export type {
  FormatPiece,
  GlobalDescription,
  ModuleDescription,
  PackedArgument,
  PrintSite,
  ProbeDescription,
} from './description.js';
export { type Column, type RowValue, type RunEvent, siteColumns } from './events.js';
export { compileSite, type RecordBytes, type SiteFormatter } from './format-site.js';
export { kernelPort } from './kernel-port.js';
export { type ModuleInfo, readModuleInfo, renameModule } from './modinfo.js';
export type { ModuleChannel, ModuleFile, ModulePort } from './module-port.js';
export { type OutputFileOptions, OutputFiles } from './output-file.js';
export { readByCharacter } from './read-by-character.js';
export { ROTATION_MARK, ROTATION_VARIABLE } from './rotation.js';
export { runModule, runPass5 } from './run-module.js';
export type { RunOptions } from './run-options.js';
export type { CommandStatus, Loss, LossCause, Session } from './session.js';
