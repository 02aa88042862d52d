// The messages of pass 4: every code and wording in one place.
import type { Diagnostic, Span } from '@stapkit/pass';
import type { ToolResult } from './run-tool.js';

/** The codes of this package's diagnostics. */
export type KbuildCode =
  | 'bad-modinfo'
  | 'bad-name'
  | 'cache-untrusted'
  | 'cache-unwritable'
  | 'compile-error'
  | 'compiler-differs'
  | 'compiler-missing'
  | 'disk-full'
  | 'headers-missing'
  | 'headers-uncompiled'
  | 'link-failed'
  | 'objtool-failed'
  | 'output-unwritable'
  | 'runtime-failed'
  | 'signing-failed'
  | 'tool-missing'
  | 'undefined-symbol'
  | 'wrong-kernel';

interface Extra {
  readonly span?: Span | undefined;
  readonly hints?: readonly string[];
  readonly detail?: readonly string[];
}

/** Makes an error of class `build`. */
export function buildError(code: KbuildCode, message: string, extra: Extra = {}): Diagnostic {
  return compact({ code: `kbuild/${code}`, severity: 'error', class: 'build', message, ...extra });
}

/** Makes a warning of class `build`. */
export function buildWarning(code: KbuildCode, message: string, extra: Extra = {}): Diagnostic {
  return compact({ code: `kbuild/${code}`, severity: 'warning', class: 'build', message, ...extra });
}

/** A tool that isn't installed. */
export function toolMissing(tool: string, release: string): Diagnostic {
  return buildError('tool-missing', `the program "${tool}" is not installed`, { hints: [`run: stap-prep ${release}`] });
}

/**
 * Turns a failed file operation or tool into a diagnostic: a full disk and a folder that can't be written have messages
 * of their own, because the tool's words would hide them.
 *
 * @param what what was being done, e.g. `write the module`
 * @param path the file or folder
 * @param error Node's error
 */
export function fileError(what: string, path: string, error: unknown, code: KbuildCode = 'output-unwritable') {
  const errno = (error as NodeJS.ErrnoException).code;
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return diskFull(path);
  return buildError(code, `cannot ${what}: ${path}: ${errnoText(errno)}`);
}

/** The disk that holds a path is full. */
export function diskFull(path: string): Diagnostic {
  return buildError('disk-full', `no space left on the disk that holds ${path}`, {
    hints: ['free some space, or move the cache with SYSTEMTAP_DIR and the temporary files with TMPDIR'],
  });
}

/** True where a tool's own words say that the disk is full. */
export function saysDiskFull(result: Pick<ToolResult, 'stderr'> & Partial<ToolResult>): boolean {
  return /No space left on device|Disk quota exceeded/.test(result.stderr + (result.stdout ?? ''));
}

/** True where Node's error says that something may not be written. */
export function isUnwritable(error: unknown): boolean {
  const errno = (error as NodeJS.ErrnoException).code;
  return ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG'].includes(errno ?? '');
}

/** The kernel's words for an errno name, as far as users meet it here. */
export function errnoText(errno: string | undefined): string {
  switch (errno) {
    case 'EACCES':
      return 'permission denied';
    case 'EPERM':
      return 'operation not permitted';
    case 'EROFS':
      return 'read-only file system';
    case 'ENOENT':
      return 'no such file or directory';
    case 'ENOTDIR':
      return 'a part of the path is not a folder';
    case 'EEXIST':
      return 'a file of that name is in the way';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space left on the disk';
    case 'EISDIR':
      return 'it is a folder';
    default:
      return errno ?? 'unknown error';
  }
}

function compact(diagnostic: Diagnostic & { span?: Span | undefined }): Diagnostic {
  const { span, ...rest } = diagnostic;
  return span ? { ...rest, span } : rest;
}
