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

test('a foreach in the order of insertion calls nothing, and reads only what its body asks for', () => {
  const body = bodyOf(
    translateText('global m, s; probe timer.s(1) { m[1, 2] = 3 foreach ([a, b] in m) s += b + m[a, b] }'),
    'probe_0',
  );
  const loop = body.slice(body.indexOf('for ('));
  expect(loop.slice(0, loop.indexOf('\n\t}\n'))).not.toMatch(/stapkit_(walk|map|sorted|copy)/);
  expect(body).toMatch(/s64 v1_b = stapkit_node_number\(e\d+, STAPKIT_KEY_AT\(1, 1\)\);/);
  expect(body).toMatch(/stapkit_node_number\(e\d+, STAPKIT_VALUE_AT\)/);
  expect(body).not.toContain('v0_a');
});

test("a round of a loop is counted together with its body's first statements, and blamed by itself", () => {
  const body = bodyOf(
    translateText('global m, s, t; probe begin { foreach (k in m) { s += k; t++ } m[1]=1 }'),
    'probe_0',
  );
  expect(body).toContain('if (!stapkit_act(c, 3)) {');
  expect(body).toContain(`c->actions < -2 ? "keyword 'foreach' at test.stp:1:31" : "identifier 's' at test.stp:1:50"`);
});

test.each([
  ['is read behind the loop', 'foreach (k in m) s += k; print(k)'],
  ['is assigned in the body', 'foreach (k in m) { k++; s += k }'],
  ['is set by a loop within', 'foreach (k in m) { foreach (k in n) s += k; s += k }'],
  ['is read in the head', 'foreach (k in m limit k) s += k'],
])('a variable of a foreach lies in the frame where it %s', (_, statements) => {
  const body = bodyOf(
    translateText(`global m, n, s; probe begin { m[1] = 1; n[1] = 1; ${statements}; print(s) }`),
    'probe_0',
  );
  expect(body).toContain('l->v0_k = stapkit_node_number(');
});

test('a key that is a string is read where the element lies', () => {
  const body = bodyOf(
    translateText('global m; probe begin { m["a"] = 1; foreach (k in m) print(k) foreach (k in m-) print(m[k]) }'),
    'probe_0',
  );
  expect(body).toContain('const char *v0_k = stapkit_node_text(');
  expect(body).not.toContain('stapkit_copy');
  expect(body).not.toContain('stapkit_map_get');
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

test('a handler looks at its condition too: a probe is disarmed only after it has become false', () => {
  const script = 'global on, n; probe timer.ms(1) if (on > 2) { n = n + 5 } probe timer.ms(2) { on++ print(n) }';
  const body = bodyOf(translateText(script), 'probe_0');
  const test = body.search(/!\(.*global_0_on/);
  expect(test).toBeGreaterThan(body.indexOf('stapkit_lock_read(c, &lock_0_on)'));
  expect(body.indexOf('global_1_n')).toBeGreaterThan(test);
  // Points of one probe that differ in their conditions have handlers of their own.
  const two = translateText('global on, n; probe timer.ms(1) if (on), timer.ms(2) if (!on) { n++ on = n % 2 }');
  expect(two.source).toContain('static void probe_1(');
  expect(translateText('global n; probe timer.ms(1) if (9 / n) { n++ }').source).not.toBe('');
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

test('what may look at its user’s own processes alone asks before memory is read and functions for it are called', () => {
  const text = `probe process.syscall { print(@uderef(8, $arg1)) print(mine()) }
    function mine:long () %{ /* myproc-unprivileged */ /* runtime: stapkit_fn_mine */ %}`;
  const free = translateText(text).source;
  expect(free).not.toContain('stapkit_expect_own_process');
  expect(free).not.toContain('own_processes');
  const held = translateText(text, {}, 'stapusr').source;
  expect(held).toContain('.own_processes = true,');
  expect(held.match(/stapkit_expect_own_process\(/g)).toHaveLength(2);
  expect(held).toContain("function mine is only for the user's own processes at --privilege=stapusr");
});

test('--skip-badvars lets memory that cannot be read be 0', () => {
  const text = 'probe kernel.function("vfs_read") { print($file->f_flags) }';
  expect(translateText(text, { skipBadVariables: true }).source).toContain('c->error = NULL;');
  expect(translateText(text).source).not.toContain('c->error = NULL;');
});
