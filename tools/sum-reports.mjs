// Adds up the vitest reports of a folder and prints the closing line of ./test; fails where a test failed or none ran.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '.stapkit/reports';
let passed = 0;
let failed = 0;
let skipped = 0;
for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  // A file that could not even be loaded holds no failed test, but it is one.
  for (const suite of report.testResults) {
    const broken = suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed');
    if (broken) failed += 1;
    if (suite.status === 'failed') console.log(`failed: ${suite.name.replace(`${process.cwd()}/`, '')}`);
  }
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
