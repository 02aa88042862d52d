// The tapset search path: which subfolders of a tapset folder count for a kernel (stap(1), "PROCESSING").

/**
 * The subfolders of one tapset folder that are searched, most specific first.
 *
 * @param kernelRelease as `uname -r` prints it, e.g. `6.1.0-56-amd64`
 * @param architecture SystemTap's name of it, e.g. `x86_64`
 * @returns relative paths; the last two are the architecture's folder and `''`, the folder itself
 */
export function searchFolders(kernelRelease: string, architecture: string): string[] {
  const versions: string[] = [];
  if (kernelRelease !== '') versions.push(kernelRelease);
  const base = /^\d+(?:\.\d+)*/.exec(kernelRelease)?.[0];
  if (base !== undefined) {
    const parts = base.split('.');
    for (let count = parts.length; count >= 2; count--) versions.push(parts.slice(0, count).join('.'));
  }
  const folders: string[] = [];
  for (const version of [...new Set(versions)]) folders.push(`${version}/${architecture}`, version);
  folders.push(architecture, '');
  return folders;
}
