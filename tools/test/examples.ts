// Takes the TypeScript examples out of a README, compiles them against the sources and runs them.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The text of a file of the checkout, empty where there is none. */
export function textOf(path: string): string {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
}

/** The `ts` blocks of a Markdown text. */
export function examplesOf(text: string): string[] {
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1]!);
}

/**
 * Runs an example as a program of its own.
 *
 * @param readme the file that it stands in: its package is where the example finds files beside itself
 * @returns what it printed
 */
export async function runExample(readme: string, code: string): Promise<string> {
  // Below the tools, so that the example's imports are found as any package's are.
  const folder = mkdtempSync(join(root, 'tools', '.readme-'));
  try {
    const outfile = join(folder, 'example.mjs');
    const place = pathToFileURL(join(root, readme.replace('README.md', 'src/example.js')));
    await build({
      stdin: { contents: code, loader: 'ts', resolveDir: join(root, 'tools') },
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      conditions: ['source'],
      define: { 'import.meta.url': JSON.stringify(place.href) },
      banner: {
        js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(process.cwd() + '/');",
      },
      logLevel: 'silent',
    });
    const { stdout } = await promisify(execFile)(process.execPath, [outfile], { cwd: root, timeout: 600_000 });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
