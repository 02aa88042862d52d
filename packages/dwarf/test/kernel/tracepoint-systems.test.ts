// Which subsystem a tracepoint belongs to, from trace headers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readTraceHeader, tracepointSystems } from '../../src/kernel/tracepoint-systems.js';
import { temporaryFolder } from '../helpers/compile.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const HEADER = `
#undef TRACE_SYSTEM
#define TRACE_SYSTEM sched

TRACE_EVENT(sched_switch,
	TP_PROTO(bool preempt))
TRACE_EVENT_CONDITION(sched_waking, TP_PROTO(int x))
DECLARE_EVENT_CLASS(sched_stat_template, TP_PROTO(int x))
DEFINE_EVENT(sched_stat_template, sched_stat_runtime,
	TP_PROTO(int x))
DEFINE_EVENT_SCHEDSTAT(sched_stat_template, sched_stat_wait, TP_PROTO(int x))
DEFINE_WBC_EVENT(wbc_writepage);
DECLARE_TRACE(pelt_cfs_tp, TP_PROTO(int x));
`;

test('a header tells its subsystem and its events', () => {
  const header = readTraceHeader(HEADER);
  expect(header?.system).toBe('sched');
  expect(header?.events).toEqual(
    expect.arrayContaining([
      'sched_switch',
      'sched_waking',
      'sched_stat_runtime',
      'sched_stat_wait',
      'wbc_writepage',
      'pelt_cfs_tp',
    ]),
  );
  expect(readTraceHeader('#define SOMETHING else')).toBeUndefined();
});

test('headers are read once and the answer is kept', () => {
  const headers = join(folder.path, 'headers');
  mkdirSync(join(headers, 'include/trace/events/sub'), { recursive: true });
  writeFileSync(join(headers, 'include/trace/events/sub/sched.h'), HEADER);
  const cache = join(folder.path, 'systems');
  expect(tracepointSystems(false, [headers], cache).get('sched_switch')).toBe('sched');
  expect(tracepointSystems(false, [], cache).get('sched_stat_wait')).toBe('sched');
  expect(tracepointSystems(false, [], join(folder.path, 'none')).size).toBe(0);
});
