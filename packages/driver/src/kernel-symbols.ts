// Puts the two sides together: what dwarf knows of the target kernel, in the shapes that the elaborator and kbuild ask for.
// BTF serves what it can; debug information is opened when an answer takes it.
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type CodeFilesOptions, type KernelSymbols, kernelCode, moduleNameOf, openKernel } from '@stapkit/dwarf';
import type { SymbolSource } from '@stapkit/elaborator';
import { type FeatureSource, which } from '@stapkit/kbuild';
import { DiagnosticError, globSource, hasErrors, nearestNames, type PassContext } from '@stapkit/pass';
import { packageFolder } from './folders.js';
import { type CompileHeaders, headerTypes, namesHeaders } from './header-types.js';
import type { StapOptions } from './options.js';
import type { Place } from './place.js';

/** Facts of one kernel for pass 2, with those for pass 4 beside them. */
export type Symbols = SymbolSource & {
  readonly features: FeatureSource;
  /** Opens the debug information that the last run of pass 2 asked for. True where pass 2 is to be run again. */
  supply(context: PassContext): Promise<boolean>;
  /** Files with the lines of the kernel's code and of some modules', where debug information tells them. */
  lineImages(modules: readonly string[], context: PassContext): Promise<readonly string[]>;
};

export interface OpenSymbolsOptions {
  /** `--debuginfo` */
  readonly debuginfo: StapOptions['debuginfo'];
  /** The process's environment: SYSTEMTAP_DEBUGINFO_PATH, DEBUGINFOD_URLS. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For types of headers. */
  readonly compileHeaders: CompileHeaders;
  /** `--download-debuginfo` */
  readonly download?: StapOptions['downloadDebuginfo'];
  /** Asks the user a question that is answered by yes or no; undefined where nobody is there to answer. */
  readonly ask?: ((question: string) => Promise<boolean>) | undefined;
  /** Paths in a script are counted from it. */
  readonly cwd?: string;
}

/**
 * Opens the facts of the kernel that a script is for.
 *
 * @param place what was chosen; a guest's kernel image is known, a host's is looked for
 * @param cache stapkit's cache folder
 * @throws DiagnosticError where the kernel has no type information to be found
 */
export async function openSymbols(
  place: Place,
  cache: string,
  options: OpenSymbolsOptions,
  context: PassContext,
): Promise<Symbols> {
  const moduleFiles = new Map<string, string>();
  const modulesFolder = place.where === 'guest' ? place.kernel.modulesFolder : undefined;
  const { value, diagnostics } = await openKernel(
    {
      release: place.release,
      cacheFolder: cache,
      moduleFiles,
      ...(place.where === 'guest' ? { image: place.kernel.image, modulesFolder: place.kernel.modulesFolder } : {}),
    },
    context,
  );
  if (hasErrors(diagnostics)) throw new DiagnosticError(...diagnostics);
  for (const diagnostic of diagnostics) context.report(diagnostic);
  const features: FeatureSource = {
    functionPrototype: (name: string) => value.functionPrototype(name),
    structMembers: (name: string) => value.structMembers(name)?.map((member) => member.name),
  };
  const headers = headerTypes(options.compileHeaders);
  const known: SymbolSource = {
    kernel: value.kernel,
    functions: (pattern, module) => value.functions(pattern, module),
    functionCopies: (pattern, module) => value.functionCopies(pattern, module),
    nearestFunctions: (name, module) => value.nearestFunctions(name, module),
    modules: (pattern) => modulesLike(value, pattern),
    moduleOfFile(path) {
      const file = resolve(options.cwd ?? '/', path);
      if (!/\.ko(?:\.(?:gz|xz|zst))?$/.test(file) || !existsSync(file)) return undefined;
      const name = moduleNameOf(file);
      moduleFiles.set(name, file);
      return name;
    },
    executable: (name) => findExecutable(name, options.env['PATH'], options.cwd ?? '/'),
    nearestModules: (name) => nearestNames(name, [...value.modules()]),
    tracepoints: (pattern) => value.tracepoints(pattern),
    type: (name, module) =>
      module !== undefined && namesHeaders(module) ? headers.type(name, module) : value.type(name, module),
    typeFacts: (id) => (headers.owns(id) ? headers.typeFacts(id) : value.typeFacts(id)),
    isUserType: (id) => headers.isUserType(id),
    enumerator: (name) => value.enumerator(name),
    variable: (name, module) => value.variable(name, module),
  };
  const withoutLines = (own: PassContext, of: string): void =>
    own.report({
      code: 'driver/no-lines',
      severity: 'warning',
      class: 'semantic',
      message: `the source lines of ${of} are not known without debug information`,
      hints: [`stap-prep --debuginfo installs it (linux-image-${place.release}-dbg)`],
    });
  if (options.debuginfo === 'btf') {
    return {
      ...known,
      features,
      supply: (own) => headers.supply(own),
      lineImages: async (_, own) => {
        withoutLines(own, 'the kernel');
        return [];
      },
    };
  }

  const { buildId } = value.kernel;
  const urls = options.env['DEBUGINFOD_URLS'];
  const workerFile = indexWorker();
  const debug = kernelCode({
    release: place.release,
    cacheFolder: cache,
    folders: debugFolders(options.env, cache),
    modulesFolders: modulesFolder === undefined ? [join('/lib/modules', place.release)] : [modulesFolder],
    ...(buildId === undefined ? {} : { buildId }),
    moduleFiles,
    ...(urls && options.download !== 'no' ? { debuginfodUrls: urls, download: downloadRules(options, context) } : {}),
    ...(workerFile === undefined ? {} : { workerFile }),
  });
  const codeOnly = options.debuginfo === 'dwarf';
  return {
    ...known,
    type: (name, module) =>
      (codeOnly && !(module !== undefined && namesHeaders(module)) ? debug.type(name, module) : undefined) ??
      known.type(name, module),
    typeFacts: (id) => (!headers.owns(id) && debug.owns(id) ? debug.typeFacts(id) : known.typeFacts(id)),
    code: debug.code,
    codeOnly,
    features,
    async lineImages(modules, own) {
      const images: string[] = [];
      for (const module of [undefined, ...modules]) {
        const image = await debug.lineImage(module, own);
        for (const diagnostic of image.diagnostics) own.report(diagnostic);
        if (image.value !== undefined) images.push(image.value);
        else withoutLines(own, module === undefined ? 'the kernel' : `module ${module}`);
      }
      return images;
    },
    async supply(own) {
      const more = await headers.supply(own);
      if (!debug.wanting) return more;
      const supplied = await debug.supply(own);
      for (const diagnostic of supplied.diagnostics) own.report(diagnostic);
      // What is not to be had is known now as well, and may be said.
      return true;
    },
  };
}

/** How debug files are fetched, by `--download-debuginfo`. */
function downloadRules({ download, ask }: OpenSymbolsOptions, context: PassContext): CodeFilesOptions['download'] {
  if (typeof download === 'number') return { longest: download * 1000 };
  if (download !== 'ask') return {};
  let answer: Promise<boolean> | undefined;
  return {
    allow() {
      answer ??= ask?.('Download debug information from the servers of DEBUGINFOD_URLS?');
      if (answer) return answer;
      context.report({
        code: 'driver/nobody-to-ask',
        severity: 'warning',
        class: 'semantic',
        message: 'no debug information is downloaded: there is no terminal to ask at (--download-debuginfo=ask)',
      });
      return false;
    },
  };
}

/** The modules that a name or pattern of `*`, `?` and `[…]` fits. */
function modulesLike(kernel: KernelSymbols, pattern: string): readonly string[] {
  const plain = pattern.replaceAll('-', '_');
  if (!/[*?[]/.test(plain)) return kernel.moduleState(plain) === 'missing' ? [] : [plain];
  const expression = new RegExp(`^${globSource(plain)}$`);
  return kernel.modules().filter((name) => expression.test(name));
}

/**
 * Where debug files are looked for: the folders of SYSTEMTAP_DEBUGINFO_PATH (stap(1)), which may have a + or - before
 * them, else the distribution's and those that stap-prep fetched.
 */
function debugFolders(env: OpenSymbolsOptions['env'], cache: string): string[] {
  const named = (env['SYSTEMTAP_DEBUGINFO_PATH'] ?? '')
    .split(':')
    .map((part) => part.replace(/^[+-]/, ''))
    .filter((part) => part.startsWith('/'));
  return named.length > 0 ? named : ['/usr/lib/debug', join(cache, 'debug')];
}

/** The bundled program of the threads that make indexes. */
function indexWorker(): string | undefined {
  try {
    const file = join(packageFolder('driver'), 'bundle', 'index-worker.cjs');
    return existsSync(file) ? file : undefined;
  } catch (error) {
    // An installed program has it beside itself.
    if (!(error instanceof DiagnosticError)) throw error;
    const file = join(dirname(process.argv[1] ?? ''), 'index-worker.cjs');
    return existsSync(file) ? file : undefined;
  }
}

/** The program that a name stands for, as the shell finds it, links followed. */
function findExecutable(name: string, path: string | undefined, cwd: string): string | undefined {
  const found = name.includes('/') ? resolve(cwd, name) : which(name, path);
  return found !== undefined && existsSync(found) ? realpathSync(found) : undefined;
}
