// @stapkit/tapset: the `.stp` library, and the code that finds in it the files a script needs.
export { buildFolderIndex, type FolderIndex, folderIndex, type IndexedFile } from './folder-index.js';
export { openTapset, type Tapset, type TapsetOptions, tapsetFolder, tapsetIndexFile } from './open-tapset.js';
export { type DefinedNames, scanNames } from './scan-names.js';
export { searchFolders } from './search-path.js';
