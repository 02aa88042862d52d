// One run of stap: chooses where to run, chains the passes, prints or runs what they give, and cleans up after itself.
import { resolve } from 'node:path';
import { INNER_PASSES } from '@stapkit/elaborator';
import { DiagnosticError, nearestNames } from '@stapkit/pass';
import { type ChainSettings, FAILURE_WORDS, runChain } from './chain.js';
import { checkCompatible } from './compatible.js';
import {
  cacheFolder,
  ensureCacheFolder,
  keepTemporaryFolder,
  makeTemporaryFolder,
  removeTemporaryFolder,
} from './folders.js';
import type { CommandIo } from './io.js';
import { type Intermediate, readIntermediate, writeIntermediate } from './ir-file.js';
import { formatTimes, readClocks } from './measure.js';
import type { StapOptions } from './options.js';
import { choosePlace, type Place } from './place.js';
import { type Reporter, reportOutputFault } from './reporter.js';

/**
 * Runs what the options say.
 *
 * @param given the command line; a build tree that it names (`-r`) may be relative
 * @returns the exit status
 * @throws DiagnosticError on a fault outside the passes, and the signal's reason when interrupted before pass 5
 */
export async function runStap(given: StapOptions, io: CommandIo, reporter: Reporter): Promise<number> {
  const options = { ...given, ...(given.release?.includes('/') ? { release: resolve(io.cwd, given.release) } : {}) };
  checkInnerPass(options.dumpAfter);
  checkCompatible(options.compatible);
  const cache = cacheFolder(io.env);
  ensureCacheFolder(cache);
  if (options.cleanCache) {
    const { cleanCache } = await import('@stapkit/kbuild');
    cleanCache(cache, true);
    return 0;
  }
  const start = options.from === undefined ? undefined : await readIntermediate(options.from);
  if (options.remotes.length > 0 && !isListing(options)) return await runElsewhere(options, cache, io, reporter);
  const place = await choosePlace(withoutRun(options), cache, reporter.context(0, io.signal), (release) =>
    prepareGuest(release, io, reporter),
  );
  if (isListing(options)) {
    const { runListing } = await import('./listing.js');
    return await runListing({ options, place, cache, temporary: '', io, reporter });
  }
  const temporary = await makeTemporaryFolder(options.temporaryFolder);
  try {
    const status = await runPasses({ options, place, cache, temporary, io, reporter }, start);
    // All of the passes' code has now been compiled: what the bundle's loader keeps of it spares the next run that work.
    if (!options.disableCache) (process as { stapkitKeepCode?: () => void }).stapkitKeepCode?.();
    return status;
  } finally {
    if (options.keepTemporary) {
      await keepTemporaryFolder(temporary);
      reporter.line(`Keeping temporary directory "${temporary}"`);
    } else await removeTemporaryFolder(temporary);
  }
}

/** `--remote` */
async function runElsewhere(options: StapOptions, cache: string, io: CommandIo, reporter: Reporter): Promise<number> {
  const { runRemotes } = await import('./run-remote.js');
  const temporary = await makeTemporaryFolder(options.temporaryFolder);
  // Output files are written here, except those of a flight recorder, which outlives us.
  const { outputFile: _file, rotate: _size, ...rest } = options;
  const staprunOptions = options.flightRecorder ? options : rest;
  let isBuilt = true;
  try {
    const status = await runRemotes(
      { options, cache, temporary, io, reporter },
      {
        staprunWords: (path, globals) => staprunArguments({ ...staprunOptions, globals }, { path }),
        failed: (result) => {
          isBuilt = false;
          tellFailure(result.failed!, reporter);
          return 1;
        },
      },
    );
    if (status !== 0 && isBuilt) reporter.line(`Pass 5: ${FAILURE_WORDS[5]}  [man error::pass5]`);
    return status;
  } finally {
    await removeTemporaryFolder(temporary);
  }
}

/** `--dump-after` takes the name of an inner pass and nothing else. */
function checkInnerPass(name: string | undefined): void {
  if (name === undefined || (INNER_PASSES as readonly string[]).includes(name)) return;
  const near = nearestNames(name, [...INNER_PASSES], 1);
  throw new DiagnosticError({
    code: 'driver/inner-pass',
    severity: 'error',
    class: 'usage',
    message: `there is no inner pass '${name}'`,
    hints: [...near.map((one) => `did you mean ${one}?`), `the inner passes are ${INNER_PASSES.join(', ')}`],
  });
}

/** Listing needs a kernel to ask, but no machine to run on. */
function withoutRun(options: StapOptions): StapOptions {
  return isListing(options) ? { ...options, lastPass: 2 } : options;
}

/** What SystemTap says behind a pass's errors. */
function tellFailure(pass: number, reporter: Reporter): void {
  const count = reporter.errorCount();
  if (pass === 1 && count > 0) reporter.line(`${count} parse error${count === 1 ? '' : 's'}.`);
  reporter.line(`Pass ${pass}: ${FAILURE_WORDS[pass]}  [man error::pass${pass}]`);
}

function isListing({ list, dump, explain, types }: StapOptions): boolean {
  return Boolean(list || dump || explain || types);
}

async function runPasses(settings: ChainSettings, start: Intermediate | undefined): Promise<number> {
  const { options, reporter, io } = settings;
  const result = await runChain(settings, start);
  if (!result.intermediate) {
    tellFailure(result.failed, reporter);
    return 1;
  }
  const { intermediate } = result;
  if (options.emit !== undefined) await writeIntermediate(options.emit, intermediate);
  if (options.lastPass < 5) {
    if (options.emit === undefined) await printIntermediate(intermediate, io, options);
    return 0;
  }
  if (intermediate.pass !== 4) throw new Error('stapkit bug: the chain ended before pass 4');
  return await runLastPass({ ...settings, options: { ...options, globals: result.globals } }, intermediate.ir);
}

/** What `-p1` to `-p4` print: the script parsed (with `-v` the tapset's files in use, too), the script elaborated (with `-v` its bodies, too), the C, the module's path (stap(1)). */
async function printIntermediate(intermediate: Intermediate, io: CommandIo, options: StapOptions): Promise<void> {
  switch (intermediate.pass) {
    case 1: {
      const { formatParse } = await import('@stapkit/parser');
      await io.stdout(formatParse(intermediate.ir, { library: options.verbosity[0] > 0 }));
      return;
    }
    case 2: {
      const { formatElaborated } = await import('@stapkit/elaborator');
      await io.stdout(formatElaborated(intermediate.ir, { bodies: options.verbosity[1] > 0 }));
      return;
    }
    case 3:
      await io.stdout(intermediate.ir.source);
      return;
    case 4:
      await io.stdout(`${intermediate.ir.path}\n`);
      return;
  }
}

async function runLastPass(
  settings: ChainSettings,
  module: { readonly path: string; readonly name: string },
): Promise<number> {
  const { options, reporter, place } = settings;
  const verbose = options.verbosity[4] > 0;
  if (verbose) reporter.line('Pass 5: starting run.');
  const before = readClocks();
  const status = await (place.where === 'guest' ? runInGuest(settings, place, module) : runOnHost(settings, module));
  if (verbose) reporter.line(`Pass 5: run completed in ${formatTimes(before, readClocks())}.`);
  await reportOutputFault(reporter, settings.io);
  if (status !== 0) reporter.line(`Pass 5: ${FAILURE_WORDS[5]}  [man error::pass5]`);
  return status === 0 ? 0 : 1;
}

async function runOnHost(settings: ChainSettings, module: { path: string; name: string }): Promise<number> {
  const { runStaprunOnHost } = await import('./host-run.js');
  return await runStaprunOnHost(settings.io, staprunArguments(settings.options, module));
}

async function runInGuest(
  settings: ChainSettings,
  place: Extract<Place, { where: 'guest' }>,
  module: { path: string; name: string },
): Promise<number> {
  const { bulkFileInGuest, runStaprunInGuest } = await import('./guest-run.js');
  const { options } = settings;
  // What goes to the background writes its files there; else what arrives is written here.
  const { outputFile: _file, rotate: _size, ...rest } = options;
  const there = options.flightRecorder
    ? options
    : options.bulk
      ? { ...options, outputFile: bulkFileInGuest(options.outputFile) }
      : rest;
  return await runStaprunInGuest(settings, place, module.path, staprunArguments(there, module));
}

/** The size of each CPU's buffer of a flight recorder in memory, where `-s` says nothing. */
const RECORDER_MEGABYTES = 1;

/** `-F` without `-o`. */
function inMemory(options: StapOptions): boolean {
  return options.flightRecorder && options.outputFile === undefined;
}

/** The words for `staprun` that say what the options of `stap` say about the run. */
function staprunArguments(options: StapOptions, module: { path: string }): string[] {
  const words: string[] = [];
  for (let level = 1; level < options.verbosity[4]; level++) words.push('-v');
  if (options.suppressWarnings) words.push('-w');
  if (options.outputFile !== undefined) words.push('-o', options.outputFile);
  if (options.targetPid !== undefined) words.push('-x', String(options.targetPid));
  if (options.namespacesPid !== undefined) words.push('-N', String(options.namespacesPid));
  if (options.command !== undefined) words.push('-c', options.command);
  if (options.timeout !== undefined) words.push('--timeout', String(options.timeout));
  // What is held for a reader that may never come should not take much room.
  const bufferMegabytes = options.bufferMegabytes ?? (inMemory(options) ? RECORDER_MEGABYTES : undefined);
  if (bufferMegabytes !== undefined) words.push('-b', String(bufferMegabytes));
  if (options.rotate !== undefined) words.push('-S', options.rotate);
  if (options.flightRecorder) words.push(options.outputFile === undefined ? '-L' : '-D');
  if (options.bulk) words.push('--bulk');
  if (options.monitor !== undefined) words.push('-M', String(options.monitor));
  if (options.json) words.push('--json');
  if (options.color !== 'auto') words.push('-C', options.color);
  if (options.strict) words.push('--strict');
  for (const [name, value] of Object.entries(options.globals)) words.push('-G', `${name}=${value}`);
  words.push(module.path);
  return words;
}

/** Installs what the guest lacks, where this may be done without asking; else says what to do. */
async function prepareGuest(release: string | undefined, io: CommandIo, reporter: Reporter): Promise<void> {
  const { prepareForGuest } = await import('./prepare-guest.js');
  await prepareForGuest(release, io, reporter);
}
