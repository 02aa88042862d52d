// The thin driver's chain: passes 1 to 5 in order, each timed, each ended early by `-p`, resumed by `--from`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  coverageText,
  type Elaborated,
  type ElaborateOptions,
  elaboratePass,
  type FunctionCoverage,
  summarizeElaborated,
} from '@stapkit/elaborator';
import { type BuildOptions, buildPass, compileHeaders, findKernelBuild, openRuntime } from '@stapkit/kbuild';
import { type Ast, type ParseInput, parsePass } from '@stapkit/parser';
import {
  DiagnosticError,
  hasErrors,
  nearestNames,
  type Outcome,
  type Pass,
  type PassContext,
  type SourceText,
  systemWords,
} from '@stapkit/pass';
import { openTapset, type Tapset } from '@stapkit/tapset';
import { type CModule, type TranslateOptions, translatePass } from '@stapkit/translator';
import { askAt } from './ask.js';
import { checkGlobals } from './check-globals.js';
import { packageFolder } from './folders.js';
import type { CompileHeaders } from './header-types.js';
import type { CommandIo } from './io.js';
import type { Intermediate } from './ir-file.js';
import { openSymbols, type Symbols } from './kernel-symbols.js';
import { formatMemory, formatTimes, readClocks } from './measure.js';
import type { StapOptions } from './options.js';
import { hostArchitecture, type Place } from './place.js';
import type { Reporter } from './reporter.js';
import { translationCache } from './translation-cache.js';
import { unusedArguments } from './unused-arguments.js';
import { LANGUAGE_VERSION } from './version.js';

/** What passes 1 to 4 run with. */
export interface ChainSettings {
  readonly options: StapOptions;
  readonly place: Place;
  readonly cache: string;
  /** Holds the generated C and what pass 4 leaves behind with -k. */
  readonly temporary: string;
  readonly io: CommandIo;
  readonly reporter: Reporter;
}

/**
 * The chain's end: the last result, or undefined where a pass failed; `failed` is that pass's number. `globals` are those
 * of `-G` that are to be set when the module is loaded.
 */
export type ChainResult =
  | { readonly intermediate: Intermediate; readonly globals: StapOptions['globals']; readonly failed?: undefined }
  | { readonly intermediate?: undefined; readonly failed: number };

/** The words after `Pass N:` when a pass fails (stap(1), error::passN). */
export const FAILURE_WORDS: Readonly<Record<number, string>> = {
  1: 'parse failed.',
  2: 'analysis failed.',
  3: 'translation failed.',
  4: 'compilation failed.',
  5: 'run failed.',
};

/**
 * Runs passes up to 4, from wherever `start` leaves off.
 *
 * @param start a result to go on from, or undefined to begin with the script
 */
export async function runChain(settings: ChainSettings, start: Intermediate | undefined): Promise<ChainResult> {
  const frontEnd = new FrontEnd(settings);
  // A kernel's first build takes seconds and needs nothing of the script: it goes on beside passes 1 to 3.
  const stop = new AbortController();
  const building = settings.options.lastPass >= 4 && start?.pass !== 4 ? frontEnd.beginRuntime(stop.signal) : undefined;
  try {
    return await runPasses(settings, frontEnd, start, building);
  } finally {
    stop.abort();
    await building;
  }
}

async function runPasses(
  settings: ChainSettings,
  frontEnd: FrontEnd,
  start: Intermediate | undefined,
  building: Promise<void> | undefined,
): Promise<ChainResult> {
  const { options, io } = settings;
  const last = Math.min(options.lastPass, 4);
  let current: Intermediate;
  let ast: Ast | undefined;
  let { globals } = options;

  if (start) current = start;
  else {
    const scripts = await readScripts(options, io);
    settings.reporter.addSources(scripts);
    const parsed = await timed(
      settings,
      1,
      async (context) => {
        const outcome = await parsePass.run(await frontEnd.parseInput(scripts, context), context);
        if (last === 1) return outcome;
        return {
          ...outcome,
          diagnostics: [...outcome.diagnostics, ...unusedArguments(scripts, options.scriptArguments)],
        };
      },
      parsePass.summarize,
    );
    if (!parsed) return { failed: 1 };
    current = { pass: 1, ir: parsed };
  }
  settings.reporter.addSources('sources' in current.ir ? current.ir.sources : []);

  if (current.pass === 1 && last > 1) {
    const parsed = current.ir;
    ast = parsed;
    const elaborated = await timed(
      settings,
      2,
      async (context) => {
        const pass = elaboratePass(await frontEnd.elaborateOptions(context));
        const outcome = await frontEnd.withSymbols(context, () => pass.run(parsed, context));
        return options.hideGlobals && outcome.value ? { ...outcome, value: withoutDisplay(outcome.value) } : outcome;
      },
      summarizeElaborated,
    );
    if (!elaborated) return { failed: 2 };
    await tellCoverage(settings, elaborated.coverage ?? []);
    current = { pass: 2, ir: elaborated };
  }
  if (current.pass === 2) {
    const { value, diagnostics } = checkGlobals(options, current.ir, ast);
    const errorsBefore = settings.reporter.errorCount();
    for (const diagnostic of diagnostics) settings.reporter.report(diagnostic);
    if (settings.reporter.errorCount() > errorsBefore) return { failed: 2 };
    globals = value;
  }
  if (current.pass === 2 && last > 2) {
    tellMissingObjects(settings);
    // It may come from a file.
    const elaborated = options.hideGlobals ? withoutDisplay(current.ir) : current.ir;
    const pass: Pass<Elaborated, CModule> = translatePass(translateOptions(options));
    const path = join(settings.temporary, 'stap_src.c');
    const cache = settings.options.disableCache ? undefined : translationCache(settings, elaborated);
    const translated = await timed(
      settings,
      3,
      async (context) => {
        const cached = options.poisonCache ? undefined : cache?.read();
        if (cached && options.keepTemporary) await writeFile(path, cached.source);
        if (cached) return { value: { module: cached, cached: true }, diagnostics: [] };
        const result = await pass.run(elaborated, context);
        await writeFile(path, result.value.source);
        if (!hasErrors(result.diagnostics)) cache?.write(result.value);
        return { value: { module: result.value, cached: false }, diagnostics: result.diagnostics };
      },
      ({ module, cached }) => (cached ? `using cached ${cache!.path}` : `${pass.summarize(module)} into "${path}"`),
      ({ cached }) => cached,
    );
    if (!translated) return { failed: 3 };
    current = { pass: 3, ir: translated.module };
  }
  if (current.pass === 3 && last > 3) {
    const module = current.ir;
    const built = await timed(
      settings,
      4,
      async (context) => {
        await building;
        return await buildPass(await frontEnd.buildOptions(context)).run(module, context);
      },
      (output) =>
        output.cached ? `using cached ${output.cachePath ?? output.path}` : `compiled C into "${output.name}.ko"`,
      ({ cached }) => cached,
    );
    if (!built) return { failed: 4 };
    current = { pass: 4, ir: built };
  }
  return { intermediate: current, globals };
}

/** What the command line says of pass 3. */
export function translateOptions(options: StapOptions): TranslateOptions {
  return {
    defines: options.defines,
    suppressHandlerErrors: options.suppressHandlerErrors,
    suppressTimeLimits: options.suppressTimeLimits,
    timing: options.timing,
    monitor: options.monitor !== undefined,
    skipBadVariables: options.skipBadVariables,
  };
}

/** `--no-global-var-display` */
function withoutDisplay(script: Elaborated): Elaborated {
  return { ...script, globals: script.globals.map((global) => ({ ...global, printAtEnd: false })) };
}

/** Says where a function point does not reach all of a function's code; as an event of its own in a `--json` run. */
async function tellCoverage({ options, io, reporter }: ChainSettings, all: readonly FunctionCoverage[]): Promise<void> {
  for (const coverage of all) {
    if (options.json && options.lastPass === 5) {
      await io.stdout(`${JSON.stringify({ event: 'coverage', ...coverage })}\n`);
    } else {
      const message = coverageText(coverage);
      reporter.report({ code: 'elaborate/coverage', severity: 'note', class: 'semantic', message });
    }
  }
}

/** `-d` of a file that is not there, in SystemTap's words. */
function tellMissingObjects({ options, io, reporter }: ChainSettings): void {
  for (const object of options.objects) {
    if (!object.includes('/') || existsSync(resolve(io.cwd, object))) continue;
    const message = `missing unwind/symbol data for module '${object}'`;
    const hints = ['there is no such file (-d)'];
    reporter.report({ code: 'driver/missing-object', severity: 'warning', class: 'run', message, hints });
  }
}

/**
 * Runs one pass between two readings of the clocks and prints its `-v` line, which is worded as SystemTap words it.
 */
async function timed<Output>(
  settings: ChainSettings,
  number: 1 | 2 | 3 | 4,
  run: (context: PassContext) => Promise<Outcome<Output>>,
  summarize: (output: Output) => string,
  isCached: (output: Output) => boolean = () => false,
): Promise<Output | undefined> {
  const { reporter, io } = settings;
  const verbosity = settings.options.verbosity[number - 1]!;
  const context = reporter.context(verbosity, io.signal);
  io.signal.throwIfAborted();
  const before = readClocks();
  const errorsBefore = reporter.errorCount();
  let output: Output;
  try {
    const { value, diagnostics } = await run(context);
    for (const diagnostic of diagnostics) reporter.report(diagnostic);
    if (hasErrors(diagnostics) || reporter.errorCount() > errorsBefore) return undefined;
    output = value;
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    for (const diagnostic of error.diagnostics) reporter.report(diagnostic);
    return undefined;
  } finally {
    reporter.progress.finish();
  }
  // A pass that had nothing to do tells no times, as SystemTap's.
  if (verbosity > 0 && isCached(output)) reporter.line(`Pass ${number}: ${summarize(output)}`);
  else if (verbosity > 0) {
    const memory = formatMemory();
    const used = memory ? ` using ${memory},` : '';
    reporter.line(`Pass ${number}: ${summarize(output)}${used} in ${formatTimes(before, readClocks())}.`);
  }
  return output;
}

/** What the passes must know of the tapset and the target kernel, each part found when first asked for. */
export class FrontEnd {
  private readonly settings: ChainSettings;
  private library: Tapset | undefined;
  private opened: Promise<Symbols> | undefined;
  private configText: Map<string, string> | undefined;

  constructor(settings: ChainSettings) {
    this.settings = settings;
  }

  /** The tapset: the `-I` folders and the shipped one. */
  async tapset(context: PassContext): Promise<Tapset> {
    if (this.library) return this.library;
    const { options, place, cache } = this.settings;
    const shipped = packageFolder('tapset');
    const { value, diagnostics } = await openTapset({
      folders: [...options.tapsetFolders, join(shipped, 'stp')],
      // `./stap` of a checkout bundles anew when a tapset file has changed, and with it makes the index anew.
      shipped: { folder: join(shipped, 'stp'), index: join(shipped, 'dist', 'index.json'), trusted: true },
      kernelRelease: place.release,
      architecture: hostArchitecture(),
      ...(options.disableCache ? {} : { cacheFolder: cache }),
    });
    for (const diagnostic of diagnostics) context.report(diagnostic);
    this.library = value;
    return value;
  }

  /** Pass 1's input for some scripts. */
  async parseInput(scripts: readonly SourceText[], context: PassContext): Promise<ParseInput> {
    const { options, place } = this.settings;
    return {
      scripts,
      arguments: options.scriptArguments,
      library: await this.tapset(context),
      facts: {
        kernelRelease: place.release,
        architecture: hostArchitecture(),
        systemtapVersion: options.compatible ?? LANGUAGE_VERSION,
        guru: options.guru,
        privilege: options.privilege,
        runtime: 'kernel',
        config: this.config,
      },
    };
  }

  /** Pass 2's options. */
  async elaborateOptions(context: PassContext): Promise<ElaborateOptions> {
    const { options } = this.settings;
    return {
      symbols: await this.symbols(context),
      ...(this.library ? { names: this.library } : {}),
      guru: options.guru,
      unoptimized: options.unoptimized,
      skipBadVariables: options.skipBadVariables,
      privilege: options.privilege,
      ...(options.compatible === undefined ? {} : { languageVersion: options.compatible }),
      ...(options.dumpAfter === undefined
        ? {}
        : {
            after: (pass, print) => {
              if (pass === options.dumpAfter) void this.settings.io.stdout(`${print()}\n`);
            },
          }),
    };
  }

  /** The value of a CONFIG_ symbol of the target kernel, for `%( CONFIG_X == "y" %? … %)`. */
  private readonly config = (name: string): string | undefined => {
    this.configText ??= readKernelConfig(this.settings.place);
    return this.configText.get(name);
  };

  symbols(context: PassContext): Promise<Symbols> {
    const { place, cache, options, io } = this.settings;
    this.opened ??= openSymbols(
      place,
      cache,
      {
        debuginfo: options.debuginfo,
        env: io.env,
        cwd: io.cwd,
        compileHeaders: this.compileHeaders,
        ask: askAt(io),
        ...(options.downloadDebuginfo === undefined ? {} : { download: options.downloadDebuginfo }),
      },
      context,
    );
    return this.opened;
  }

  /** For types of headers: the kernel's are compiled as its modules are. */
  private readonly compileHeaders: CompileHeaders = async (headers, space, context) => {
    const recipe =
      space === 'kernel' ? (await openRuntime(await this.buildOptions(context), context)).recipe : undefined;
    const { cache, options, temporary } = this.settings;
    const cacheFolder = options.disableCache ? temporary : cache;
    return await compileHeaders({ headers, cacheFolder, ...(recipe ? { recipe } : {}) }, context.signal);
  };

  /** Does what asks the kernel's facts, and once more when debug information that it asked for has been opened. */
  async withSymbols<T>(context: PassContext, run: () => T | Promise<T>): Promise<T> {
    const symbols = await this.symbols(context);
    for (;;) {
      const result = await run();
      context.signal.throwIfAborted();
      if (!(await symbols.supply(context))) return result;
    }
  }

  /**
   * Begins to build the runtime where no kernel of this release has one yet. A fault is left to pass 4, which meets it
   * again and reports it.
   */
  async beginRuntime(signal: AbortSignal): Promise<void> {
    const { place, cache, io, reporter } = this.settings;
    const folder = join(cache, 'runtime');
    if (existsSync(folder) && readdirSync(folder).some((name) => name.startsWith(`${place.release}-`))) return;
    const context = reporter.context(0, AbortSignal.any([io.signal, signal]));
    try {
      await openRuntime(await this.buildOptions({ ...context, report: () => {} }), context);
    } catch {
      // Reported by pass 4.
    }
  }

  async buildOptions(context: PassContext): Promise<BuildOptions> {
    const { options, place, cache, temporary } = this.settings;
    const { value: kernel, diagnostics } = await findKernelBuild(place.build, { cacheFolder: cache });
    if (!kernel || hasErrors(diagnostics)) throw new DiagnosticError(...diagnostics);
    for (const diagnostic of diagnostics) context.report(diagnostic);
    return {
      kernel,
      runtimeFolder: packageFolder('runtime'),
      cacheFolder: cache,
      // A run of its own gets a name of its own, so that two runs of one script do not collide in the kernel.
      ...(options.moduleName
        ? { name: options.moduleName, outputFolder: this.settings.io.cwd }
        : options.lastPass === 5
          ? { instance: process.pid, outputFolder: temporary }
          : options.disableCache || options.signing
            ? { instance: process.pid, outputFolder: this.settings.io.cwd }
            : {}),
      temporaryFolder: temporary,
      // Asked for only when the runtime has to be compiled: a script's own build needs no type information.
      features: async () => (await this.symbols(context)).features,
      lineImages: async (probed) => {
        const modules = new Set([...probed, ...options.objects.flatMap((object) => modulesOf(object))]);
        return await (await this.symbols(context)).lineImages([...modules].sort(), context);
      },
      makeOptions: options.makeOptions,
      modinfo: options.modinfo,
      ...(options.signing ? { signing: options.signing } : {}),
      cache: options.disableCache ? 'off' : options.poisonCache ? 'poison' : 'use',
    };
  }
}

/** The kernel module that `-d` names, if it does: as lsmod does, or by its file. */
function modulesOf(object: string): string[] {
  const [, name] = /^(?:.*\/)?([^/]+)\.ko(?:\.(?:gz|xz|zst))?$/.exec(object) ?? /^([\w-]+)$/.exec(object) ?? [];
  return name === undefined || name === 'kernel' ? [] : [name.replaceAll('-', '_')];
}

function readKernelConfig(place: Place): Map<string, string> {
  const values = new Map<string, string>();
  for (const path of [
    join('/lib/modules', place.release, 'build', '.config'),
    join('/boot', `config-${place.release}`),
    join(place.build, '.config'),
  ]) {
    try {
      for (const line of readFileSync(path, 'utf8').split('\n')) {
        const match = /^(CONFIG_\w+)=(.*)$/.exec(line);
        if (match) values.set(match[1]!, match[2]!);
      }
      return values;
    } catch {
      // Another of the places may have it; a kernel without any has no CONFIG_ that is set.
    }
  }
  return values;
}

/** SystemTap's word for what is not there, and the system's for all else. */
function whyUnread(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'is missing' : `can't be read: ${systemWords(error)}`;
}

/** The texts that the command line names, `-E` scripts last. */
export async function readScripts(options: StapOptions, io: CommandIo): Promise<SourceText[]> {
  const scripts: SourceText[] = [];
  if (options.script?.kind === 'text') scripts.push({ name: '<input>', text: options.script.text });
  else if (options.script?.path === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
    scripts.push({ name: '<input>', text: scriptText(Buffer.concat(chunks)) });
  } else if (options.script) {
    try {
      scripts.push({ name: options.script.path, text: scriptText(await readFile(options.script.path)) });
    } catch (error) {
      throw new DiagnosticError({
        code: 'driver/script',
        severity: 'error',
        class: 'usage',
        message: `Input file '${options.script.path}' ${whyUnread(error)}`,
        hints: [
          ...nearestNames(options.script.path, ['explain', 'types', 'vm', 'completion'], 1).map(
            (name) => `did you mean the command stap ${name}?`,
          ),
          '-e SCRIPT runs a script given on the command line',
        ],
      });
    }
  }
  options.extraScripts.forEach((text, index) => {
    scripts.push({ name: `<input${index + 1}>`, text });
  });
  return scripts;
}

/** A script's text: UTF-8, as the parser takes it, or a character a byte where it is not that. */
function scriptText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}
