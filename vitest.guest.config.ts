// The guest tests of all packages, one after the other, in one guest that `tools/guest-setup.ts` boots.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * By name: what a file leaves behind in the guest is met by the same files every time. Vitest's own order changes with how
 * long each took before.
 */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.sort((a, b) => (a.moduleId < b.moduleId ? -1 : 1));
  }
}

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    name: 'guest',
    include: ['packages/*/test/**/*.guest.test.ts', 'tools/test/**/*.guest.test.ts'],
    globalSetup: ['tools/guest-setup.ts'],
    setupFiles: ['tools/guest-log-check.ts'],
    fileParallelism: false,
    sequence: { sequencer: ByName },
    // Limits of time end what hangs, and nothing else: no test has another, and the slowest take a minute or two on a busy
    // machine.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    reporters: ['default', ['json', { outputFile: '.stapkit/reports/guest.json' }]],
  },
});
