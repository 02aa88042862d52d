// Generated C is judged by use: every construct of the language, through the C compiler with all warnings as errors.
import { describe, test } from 'vitest';
import { compileText, translateText } from './helpers/translate-text.js';

const SCRIPTS: Readonly<Record<string, string>> = {
  'a printed line and an exit': 'probe kernel.function("vfs_read") { printf("read performed\\n"); exit() }',
  'arithmetic of every kind':
    'global g; probe begin { a = g + 1; b = a * 3 - 4 / (a + 1) % 7; c = a << b >> 2 >>> 1; d = ~a ^ b | c & -a; g = !d }',
  'compound assignments':
    'global g, m; probe timer.s(1) { g += 1; g -= 2; g *= 3; g /= 4; g %= 5; g <<= 1; g >>= 1; g >>>= 1; g |= 1; g &= 3; g ^= 7; m[1] += g; m[2] <<= 3; print(m[1]) }',
  'increments before and after':
    'global g, m; probe timer.s(1) { a = g++ + ++g; b = a-- - --a; m[a]++; c = m[b]--; d = ++m[c]; print(a, b, c, d) }',
  'comparisons and logic':
    'probe begin { a = pid(); if (a < 1 || a >= 2 && a != 3 || execname() == "x" && execname() < "y") print(a) }',
  'conditionals with and without effects':
    'global g; probe begin { a = pid() ? 1 : 2; b = a ? g++ : g--; s = a ? "x" : execname(); print(a, b, s) }',
  'loops with break and continue':
    'probe begin { for (i = 0; i < 10; i++) { if (i == 3) continue; if (i == 5) break; print(i) } while (pid()) { break } }',
  'functions, recursion and overloads':
    'function f(n) { if (n <= 1) return 1; return n * f(n - 1) } function o(x:long) { if (x) next; return 1 } function o(x:long) { return 2 } function s(a, b) { a = a . b; return a } probe begin { print(f(5), o(1), s("a", "b")) }',
  'an overload that goes on with one of the library':
    'function strlen(s) { if (s == "x") next; return 1 } probe begin { print(strlen("y")) }',
  'a function without a value': 'global g; function note(x) { g = x } probe begin { note(1); print(g) }',
  'strings put together and compared':
    'global s; probe begin { s = "a" . execname() . "b"; s .= s; t = s . (s = "x") . s; print(t, s == t, strlen(s)) }',
  'try and catch, nested':
    'probe begin { try { try { error("a") } catch { error("b") } } catch (m) { print(m) } try { print(1) } catch { } }',
  'arrays with nine keys':
    'global m; probe begin { m[1,"b",3,"d",5,"f",7,"h",9] = 1; if ([1,"b",3,"d",5,"f",7,"h",9] in m) print(1); delete m[1,"b",3,"d",5,"f",7,"h",9] }',
  'foreach in every form':
    'global m, s; probe begin { m[1,"a"] = 2; s[1] = "x"; foreach ([a, b] in m) print(a, b); foreach ([a+, b] in m limit 3) print(a, b); foreach (v = [a, b-] in m) print(a, b, v); foreach ([a, b] in m-) print(a, b); foreach ([a, b] in m[*, "a"]) print(a, b); foreach (k in s+) print(k, s[k]) }',
  'deletes of every form':
    'global m, n, s, t; probe begin { m[1, 2] = 1; n = 1; s = "x"; t <<< 1; delete m[1, 2]; delete m[1, *]; delete m; delete n; delete s; delete t; print(m[1, 2], n, s, @count(t)) }',
  'membership of slices': 'global m; probe begin { m[1, "x"] = 1; print([1, *] in m, [*, "x"] in m) }',
  'wrapping and sized arrays': 'global w%[4], z[10]; probe timer.s(1) { w[pid()] = 1; z[1] = w[2]; print(z[1]) }',
  'statistics and their operations':
    'global x, y; probe timer.s(1) { x <<< pid(); y[execname()] <<< 1 } probe end { print(@count(x), @sum(x), @min(x), @max(x), @avg(x), @variance(x)); foreach (e in y- limit 2) print(@count(y[e])) }',
  'histograms, printed and taken apart':
    'global x, l; probe begin { x <<< 1; l <<< 2; print(@hist_log(x)); print(@hist_linear(l, 0, 100, 10)); print(@hist_log(x)[64]); foreach (b in @hist_linear(l, 0, 100, 10)) print(b) }',
  'every print function':
    'probe begin { print(1); println("a"); printd(",", 1, "b"); printdln(",", 1, 2); printf("%d %s %x %c %p %b %5.2d %-*d %.*s %%\\n", 1, "s", 2, 65, 4, 5, 6, 7, 8, 3, "abc"); s = sprintf("%d-%s", 1, "x"); s = sprint(1, "x") . sprintd("-", 1, 2) . sprintln(3); print(s) }',
  'memory dumps': 'probe kernel.function("vfs_read") { printf("%m %4M %.8m %.*M\\n", $file, $file, $file, 4, $file) }',
  'target variables, fields and bit-fields':
    'probe kernel.function("vfs_read") { printf("%d %d %d %d\\n", $count, $file->f_flags, $file->f_next->f_flags, $file->f_bits) }',
  'writes to memory':
    'probe kernel.function("vfs_read") { $file->f_flags = 3; $file->f_bits = 1; $file->f_flags |= 4 }',
  'entry values in a return probe':
    'probe kernel.function("vfs_read").return { printf("%d %d %d\\n", $return, @entry($count), @entry(pid())) }',
  'a tracepoint': 'probe kernel.trace("sched_switch") { printf("%d %d\\n", $preempt, $prev->f_flags) }',
  'timers of all kinds': 'probe timer.ms(100).randomize(10), timer.jiffies(3), timer.profile, timer.s(1) { print(1) }',
  'conditions of probe points': 'global on; probe timer.s(1) if (on > 2) { print(1) } probe timer.s(2) { on++ }',
  'procfs, input and netfilter':
    'global v = "x"; probe procfs("f").read { $value = v; $value .= "y" } probe procfs("f").write { v = $value } probe input.char { print(char) } probe netfilter.hook("NF_INET_LOCAL_IN").pf("NFPROTO_IPV4") { print($hooknum, $verdict) }',
  'watchpoints and perf':
    'probe kernel.data("jiffies").write { print(1) } probe perf.type(1).config(0).sample(1000) { print(2) }',
  'regular expressions': 'probe begin { if (execname() =~ "^a(b|c)+d$") print(1); if (execname() !~ "x") print(2) }',
  'globals that are only written':
    'global a, b = "x", c, d, e; probe timer.s(1) { a = 1; b = "y"; c <<< 1; d[1, "k"] = 2; e[execname()] <<< 3 }',
  'locks around some statements only':
    'global m; probe timer.s(1) { print(1); m[pid()] = 2; if (m[1]) next; print(2) } probe timer.s(2) { print(m[1]) }',
  'names that are words of C':
    'global int; function for_(while_) { return while_ } probe begin { int = for_(3); print(int) }',
  'strings with odd bytes': 'probe begin { print("\\000\\377\\"\\\\?" . "??=") }',
};

describe('generated C compiles without a warning', () => {
  for (const [title, text] of Object.entries(SCRIPTS)) test(title, () => compileText(translateText(text)));
});

describe('instrumented C compiles without a warning', () => {
  const text =
    'global n, s = "x", m, a, t; probe kernel.function("vfs_read") if (n < 3) { n++; m[1, "k"] = 2; a[execname()] <<< 3; t <<< pid() } probe timer.s(1) { s = "y"; t <<< 1; print(s) } probe begin { n = 2; m[1, "l"]++; print(n) }';
  test('with -t', () => compileText(translateText(text, { timing: true })));
  test('with --monitor', () => compileText(translateText(text, { monitor: true })));
  test('with both, and --skip-badvars', () =>
    compileText(translateText(text, { timing: true, monitor: true, skipBadVariables: true })));
});
