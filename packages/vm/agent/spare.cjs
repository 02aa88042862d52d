// SPDX-License-Identifier: MIT
// A Node process that is booted before it is needed. It waits for one request on descriptor 3 and then becomes the
// program that the request names: same process, so signals, exit status and standard streams are that program's own.
//
// It is plain CommonJS, not built: the guest runs it from the host's files as they are.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const Module = require('node:module');

// What the programs run in guests load first anyway; each costs a few milliseconds under emulation.
for (const name of [
  'node:child_process',
  'node:crypto',
  'node:events',
  'node:fs/promises',
  'node:net',
  'node:os',
  'node:stream',
  'node:timers/promises',
  'node:tty',
  'node:url',
  'node:util',
  'node:worker_threads',
  'node:zlib',
]) {
  require(name);
}

/** Reads descriptor 3 to its end; blocks, so that an idle spare costs nothing. */
function readRequest() {
  const chunks = [];
  const buffer = Buffer.allocUnsafe(65536);
  for (;;) {
    const n = fs.readSync(3, buffer, 0, buffer.length, null);
    if (n === 0) break;
    chunks.push(Buffer.from(buffer.subarray(0, n)));
  }
  fs.closeSync(3);
  return Buffer.concat(chunks).toString('utf8');
}

const text = readRequest();
// The agent has gone, or has no use for this process any more.
if (text === '') process.exit(0);
const request = JSON.parse(text);
for (const name of Object.keys(process.env)) delete process.env[name];
Object.assign(process.env, request.env);
process.chdir(request.cwd);
const file = path.resolve(request.path);
process.argv = [process.argv[0], file, ...request.argv];
process.title = path.basename(file);
// Loads it as the main module, so that `require.main === module` holds in it.
Module._load(file, null, true);
