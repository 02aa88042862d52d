// @stapkit/runtime: the kernel C that every module is linked with, and the thin ABI that scripts are compiled against.
// The C is compiled by packages/kbuild; this package only says where it lies.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder: `include/` has the headers of scripts and of staprun, `src/` the C, `features.json` the
 * questions whose answers become `kernel_features.h`. */
export const runtimeFolder: string = dirname(dirname(fileURLToPath(import.meta.url)));
