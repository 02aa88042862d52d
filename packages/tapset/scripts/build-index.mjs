// Writes dist/index.json: the names that each shipped tapset file defines. Part of the package's build, after tsc.
import { writeFileSync } from 'node:fs';
import { buildFolderIndex, tapsetFolder, tapsetIndexFile } from '../dist/index.js';

writeFileSync(tapsetIndexFile, JSON.stringify(buildFolderIndex(tapsetFolder)));
