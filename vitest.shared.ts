// The vitest settings that every package shares: workspace packages resolve to their TypeScript sources, so a test
// never runs against a stale build.
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const root = fileURLToPath(new URL('./', import.meta.url));

/**
 * Returns the vitest configuration of one package.
 *
 * @param name the package's folder name, used as the project's name in reports
 */
export function packageConfig(name: string): ViteUserConfig {
  return defineConfig({
    resolve: { conditions: ['source'] },
    ssr: { resolve: { conditions: ['source'] } },
    test: {
      name,
      include: ['test/**/*.test.ts'],
      // Tests that need the guest are named *.guest.test.ts and run from the root, in one shared guest.
      exclude: ['**/*.guest.test.ts', '**/node_modules/**'],
      passWithNoTests: true,
      // Limits of time end what hangs, and nothing else: the slowest tests take a minute or two on a busy machine.
      testTimeout: 1_200_000,
      hookTimeout: 1_200_000,
      // ./test adds the packages' reports up for its closing line.
      reporters: ['default', ['json', { outputFile: `${root}.stapkit/reports/${name}.json` }]],
    },
  });
}
