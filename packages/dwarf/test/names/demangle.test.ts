// Names of C++ and Rust, against c++filt on every such symbol of the C++ library and of Node.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { demangle, manglingOf, openElf } from '../../src/index.js';

test('plain names stay as they are', () => {
  for (const name of ['main', 'vfs_read', '_start', '_Zoo?', '_Z', '', 'RNvC', '_ZN3fo']) {
    expect(demangle(name)).toBe(name);
  }
  expect(manglingOf('main')).toBeUndefined();
});

test.each([
  ['_ZNKSt6vectorIiSaIiEE4sizeEv', 'std::vector<int, std::allocator<int> >::size() const'],
  ['_ZTV5Shape', 'vtable for Shape'],
  ['_ZTI5Shape', 'typeinfo for Shape'],
  ['_ZTS5Shape', 'typeinfo name for Shape'],
  ['_ZTT5Shape', 'VTT for Shape'],
  ['_ZGVZ4mainE1x', 'guard variable for main::x'],
  ['_ZThn16_N1A1fEv', 'non-virtual thunk to A::f()'],
  ['_ZTv0_n24_N1AD0Ev', 'virtual thunk to A::~A()'],
  ['_ZN12_GLOBAL__N_11fEv', '(anonymous namespace)::f()'],
  ['_ZN1ALm3EE1fEv', ''],
  ['_Z1fi.isra.0', 'f(int) [clone .isra.0]'],
  ['_Z1fi.part.0.cold', 'f(int) [clone .part.0] [clone .cold]'],
  ['_ZN1AILm32EE1fEv', 'A<32ul>::f()'],
] as const)('%s is C++', (name, expected) => {
  // The tool is asked too, so that the table can't be wrong; one name is damaged, and both leave it alone.
  const shown = execFileSync('c++filt', [name], { encoding: 'utf8' }).trim();
  expect(demangle(name)).toBe(shown);
  if (shown !== name) expect(shown).toBe(expected);
});

// From RFC 2603 and from Rust's standard library.
test.each([
  ['_RNvCskwGfYPst2Cb_3foo16example_function', 'foo::example_function'],
  ['_RINvNtC3std3mem8align_ofjE', 'std::mem::align_of::<usize>'],
  ['_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate', '<std::path::PathBuf>::new'],
  ['_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_', 'cc::spawn::{closure#0}::{closure#0}'],
  ['_RNvNtCs1234_7mycrate3foo3bar', 'mycrate::foo::bar'],
  ['_ZN4core3fmt9Formatter9write_str17h05af221e174051e9E', 'core::fmt::Formatter::write_str'],
  [
    '_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE',
    "<Test + 'static as foo::Bar<Test>>::bar",
  ],
])('%s is Rust', (name, expected) => {
  expect(manglingOf(name)).toBe('rust');
  expect(demangle(name)).toBe(expected);
});

test('tens of thousands of real symbols read as c++filt has them', () => {
  const names = new Set<string>();
  for (const path of ['/usr/lib/x86_64-linux-gnu/libstdc++.so.6', process.execPath]) {
    if (!existsSync(path)) continue;
    const elf = openElf(path);
    for (const table of [elf.symbols(), elf.dynamicSymbols()]) {
      for (const { name } of table) if (manglingOf(name) === 'c++') names.add(name);
    }
    elf.close();
  }
  const list = [...names];
  expect(list.length).toBeGreaterThan(4000);
  const input = `${list.join('\n')}\n`;
  const shown = execFileSync('c++filt', ['-i'], { input, encoding: 'utf8', maxBuffer: 1 << 30 }).split('\n');
  let equal = 0;
  let unread = 0;
  list.forEach((name, index) => {
    const own = demangle(name);
    // Only the type that a function template returns is left out.
    if (own === shown[index] || shown[index]!.endsWith(` ${own}`)) equal += 1;
    if (own === name && shown[index] !== name) unread += 1;
  });
  expect(unread / list.length).toBeLessThan(0.005);
  // Where they differ: packs of functions' parameters, and `std::istream` in place of what it stands for.
  expect(equal / list.length).toBeGreaterThan(0.97);
});

test('damaged names are told as they stand, or as something, and do no harm', () => {
  const good = [
    '_ZNKSt6vectorIiSaIiEE4sizeEv',
    '_ZN4node4wasi4WASI12WasiFunctionIPFjRS1_NS0_10WasmMemoryEjEXadL_ZNS1_7FdCloseES3_S4_jEEjJjEE12FastCallbackEv',
    '_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate',
    '_RINvNtC3std3mem8align_ofjE',
    '_ZN4core3fmt9Formatter9write_str17h05af221e174051e9E',
  ];
  let state = 20251;
  const pick = (count: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % count;
  };
  const letters = 'ZNSt_IEPKRJDTLXadvijm0123456789.$ é';
  for (let round = 0; round < 5000; round++) {
    const name = [...good[round % good.length]!];
    for (let hits = 1 + pick(4); hits > 0; hits--) {
      const at = 2 + pick(name.length - 2);
      if (pick(4) === 0) name.splice(at, 1 + pick(5));
      else if (pick(3) === 0) name.splice(at, 0, ...name.slice(at, at + pick(20)));
      else name[at] = letters[pick(letters.length)]!;
    }
    expect(typeof demangle(name.join(''))).toBe('string');
  }
  expect(demangle('_ZN1A1fEv')).toBe('A::f()');
});
