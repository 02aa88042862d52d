// What `stap` tells without running anything: `-l`, `-L`, the `--dump-…` options, `stap explain` and `stap types`.
import {
  type ElaborateOptions,
  elaborate,
  explain,
  formatExplanation,
  listFunctions,
  listProbeAliases,
  listProbes,
  listProbeTypes,
} from '@stapkit/elaborator';
import { type Ast, parse, parsePass } from '@stapkit/parser';
import { hasErrors, type Outcome, type PassContext } from '@stapkit/pass';
import { describeScript } from '@stapkit/translator';
import { type ChainSettings, FrontEnd, readScripts, translateOptions } from './chain.js';

/**
 * Prints what was asked for.
 *
 * @returns 0, or 1 where nothing matches or a script is at fault (stap(1), `-l`)
 */
export async function runListing(settings: ChainSettings): Promise<number> {
  const { options, io, reporter } = settings;
  const context = reporter.context(options.verbosity[1], io.signal);
  const frontEnd = new FrontEnd(settings);
  if (options.dump) {
    const lines =
      options.dump === 'probe-types'
        ? listProbeTypes(undefined, options.privilege)
        : await dumpTapset(frontEnd, options.dump, context, settings);
    await print(settings, lines);
    return 0;
  }

  const scripts = options.list
    ? [{ name: '<input>', text: `probe ${options.list.pattern} {}` }, ...(await readScripts(options, io))]
    : await readScripts(options, io);
  reporter.addSources(scripts);
  const parsed = await parsePass.run(await frontEnd.parseInput(scripts, context), context);
  if (!take(parsed, context)) return 1;
  const elaborateOptions = await frontEnd.elaborateOptions(context);
  if (options.explain) {
    const explanation = await frontEnd.withSymbols(context, () => explain(parsed.value, elaborateOptions));
    for (const diagnostic of explanation.diagnostics) context.report(diagnostic);
    await io.stdout(formatExplanation(explanation));
    return hasErrors(explanation.diagnostics) ? 1 : 0;
  }
  if (options.types) {
    return await printTypes(settings, parsed.value, frontEnd, elaborateOptions, context);
  }
  const { value: lines } = await frontEnd.withSymbols(context, () =>
    listProbes(parsed.value, elaborateOptions, options.list!.withVariables),
  );
  await print(settings, lines);
  return lines.length > 0 ? 0 : 1;
}

/** The types of what the script's `--json` will print, without a run. */
async function printTypes(
  { options, io }: ChainSettings,
  ast: Ast,
  frontEnd: FrontEnd,
  elaborateOptions: ElaborateOptions,
  context: PassContext,
): Promise<number> {
  const elaborated = await frontEnd.withSymbols(context, () => elaborate(ast, elaborateOptions));
  if (!take(elaborated, context)) return 1;
  const { sites } = describeScript(elaborated.value, translateOptions(options));
  const { eventJsonSchema, eventTypeScript } = await import('@stapkit/staprun/types');
  const text =
    options.types === 'json-schema'
      ? `${JSON.stringify(eventJsonSchema(sites), undefined, 2)}\n`
      : eventTypeScript(sites);
  await io.stdout(text);
  return 0;
}

async function dumpTapset(
  frontEnd: FrontEnd,
  what: 'probe-aliases' | 'functions',
  context: PassContext,
  settings: ChainSettings,
): Promise<readonly string[]> {
  const tapset = await frontEnd.tapset(context);
  const input = await frontEnd.parseInput(tapset.allFiles(), context);
  // Read as scripts of their own, the files may hold embedded C only in guru mode.
  const { value: ast } = parse({ ...input, facts: { ...input.facts, guru: true } });
  const files = [...ast.user, ...ast.library];
  return what === 'functions' ? listFunctions(files, settings.options.verbosity[1] > 0) : listProbeAliases(files);
}

function take(outcome: Outcome<unknown>, context: PassContext): boolean {
  for (const diagnostic of outcome.diagnostics) context.report(diagnostic);
  return !hasErrors(outcome.diagnostics);
}

async function print(settings: ChainSettings, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await settings.io.stdout(`${lines.join('\n')}\n`);
}
