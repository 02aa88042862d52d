// Arguments behind the script that no script asks for: most often a misplaced option, or one argument too many.
import { tokenize } from '@stapkit/parser';
import type { Diagnostic, SourceText } from '@stapkit/pass';

/**
 * Finds the arguments that no script names as `$1` or `@1`, in a branch of a conditional that is not taken either.
 *
 * @param scripts the user's
 * @param given what stands behind the script on the command line
 * @returns a warning for each, in SystemTap's words
 */
export function unusedArguments(scripts: readonly SourceText[], given: readonly string[]): Diagnostic[] {
  if (given.length === 0) return [];
  const used = new Set<number>();
  for (const script of scripts) {
    for (const { kind, text } of tokenize(script)) if (kind === 'argument') used.add(Number(text.slice(1)));
  }
  return given.flatMap((_, index) =>
    used.has(index + 1)
      ? []
      : [
          {
            code: 'driver/unused-argument',
            severity: 'warning' as const,
            class: 'parse' as const,
            message: `unused command line option $${index + 1}/@${index + 1}`,
          },
        ],
  );
}
