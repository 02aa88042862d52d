import { expect, test } from 'vitest';
import { CModuleSchema, ModuleDescriptionSchema } from '../src/schema.js';
import { bodyOf, descriptionOf, translateText } from './helpers/translate-text.js';

test('a module goes through JSON unchanged', () => {
  const module = translateText(
    'global x; probe timer.s(1) { x <<< pid(); printf("%d\\n", x_count()) } function x_count() { return @count(x) }',
  );
  const back = JSON.parse(JSON.stringify(module)) as unknown;
  expect(back).toEqual(module);
  expect(CModuleSchema.parse(back)).toEqual(module);
});

test('a description names sites, probes and globals', () => {
  const module = translateText('global n = 3\nprobe timer.s(1) {\n  printf("%s %5d\\n", execname(), pid() + n)\n}');
  const description = descriptionOf(module);
  expect(ModuleDescriptionSchema.parse(description)).toEqual(description);
  expect(description.sites).toEqual([
    {
      id: 0,
      place: 'test.stp:3:3',
      pieces: [
        { kind: 'directive', conversion: 's', flags: '' },
        { kind: 'text', text: ' ' },
        { kind: 'directive', conversion: 'd', flags: '', width: 5 },
        { kind: 'text', text: '\n' },
      ],
      arguments: ['string', 'long'],
      names: ['execname()', 'pid() + n'],
    },
  ]);
  expect(description.probes[0]).toMatchObject({ id: 0, family: 'timer', place: 'test.stp:2:1' });
  expect(description.globals).toEqual([{ name: 'n', type: 'long', keys: [], library: false }]);
});

test('every statement says which line it comes from', () => {
  const { source } = translateText('probe begin {\n  a = 1\n  print(a)\n}');
  expect(source).toContain('#line 3 "test.stp"');
});

test('an error names the operator it happened at', () => {
  const body = bodyOf(translateText('global z; probe begin { z = 1; print(7 / z) }'), 'probe_0');
  expect(body).toContain(`"operator '/' at test.stp:1:40"`);
});

test('a counter that each handler touches once is counted without a lock', () => {
  const module = translateText('global n; probe kernel.function("vfs_read") { n++ } probe end { print(n) }');
  expect(bodyOf(module, 'probe_0')).toContain('__atomic_add_fetch(&global_0_n, 1, __ATOMIC_RELAXED)');
  expect(module.source).not.toContain('stapkit_lock_write');
});

test('a handler that reads and writes a global holds its lock from the first use to the last', () => {
  const body = bodyOf(
    translateText('global n; probe timer.s(1) { print(1); if (n > 3) n = 0; print(2) } probe timer.s(2) { n++ }'),
    'probe_0',
  );
  const order = [
    'stapkit_reserve(c, 0',
    'stapkit_lock_write(c, &lock_0_n)',
    'global_0_n',
    'stapkit_unlock_write(&lock_0_n)',
    'stapkit_reserve(c, 1',
  ];
  const places = order.map((text) => body.indexOf(text));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
});

test('end probes take no locks', () => {
  const module = translateText('global m; probe timer.s(1) { m[pid()] = 1 } probe end { foreach (k in m) print(k) }');
  expect(bodyOf(module, 'probe_1')).not.toContain('stapkit_lock');
});

test('statistics that are only added to need no lock', () => {
  const module = translateText(
    'global s; probe timer.s(1) { s[execname()] <<< 1 } probe end { print(@count(s["x"])) }',
  );
  expect(module.source).not.toContain('stapkit_lock_write(c');
});

test('a limit given by -D becomes the default that the module is loaded with', () => {
  const { source, defines } = translateText('probe begin { print(1) }', {
    defines: { MAXACTION: '77', MAXSTRINGLEN: '1024' },
  });
  expect(source).toContain('.maxaction = 77,');
  expect(defines.MAXSTRINGLEN).toBe('1024');
});

test('strings live in the context, not on the stack', () => {
  const body = bodyOf(
    translateText('function f(a) { return a . "x" } probe begin { print(f("y") . "z") }'),
    'function_0_f',
  );
  expect(body).not.toMatch(/^\tchar /m);
  expect(body).toContain('stapkit_push(c, sizeof(*l))');
});

test('--monitor gives each probe that can be switched a switch, and statements within MAXACTION to all files', () => {
  const many = Array.from({ length: 450 }, (_, index) => `probe timer.ms(${index + 1}) { n += ${index} }`).join('\n');
  const { probes } = descriptionOf(translateText(`global n probe begin { print(n) } ${many}`, { monitor: true }));
  const files = probes.filter(({ family }) => family === 'procfs').map(({ name }) => name);
  expect(files).toEqual([
    'procfs("__monitor_0").read',
    'procfs("__monitor_1").read',
    'procfs("__monitor_2").read',
    'procfs("__monitor").write',
  ]);
  const { source } = translateText(`global n probe begin { print(n) } ${many}`, { monitor: true });
  expect(source).not.toContain('condition_0_holds');
  expect(source).toContain('.condition = condition_450_holds');
});

test('--skip-badvars lets memory that cannot be read be 0', () => {
  const text = 'probe kernel.function("vfs_read") { print($file->f_flags) }';
  expect(translateText(text, { skipBadVariables: true }).source).toContain('c->error = NULL;');
  expect(translateText(text).source).not.toContain('c->error = NULL;');
});
