// The guest tests of all packages, one after the other, in one guest that `tools/guest-setup.ts` boots.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    name: 'guest',
    include: ['packages/*/test/**/*.guest.test.ts', 'tools/test/**/*.guest.test.ts'],
    globalSetup: ['tools/guest-setup.ts'],
    setupFiles: ['tools/guest-log-check.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default', ['json', { outputFile: '.stapkit/reports/guest.json' }]],
  },
});
