// Reading Kbuild's traces, in the forms that kernels of different ages leave them.
import { describe, expect, test } from 'vitest';
import { linkedObjects, readCompileFlags, readRecipe, splitCommands } from '../src/kbuild-commands.js';

const compile = (objtool: string): string =>
  `cmd_/build/a.o := gcc-12 -Wp,-MMD,/build/.a.o.d -nostdinc -I/usr/src/include -I./arch/x86/include/generated ` +
  `-include /usr/src/include/linux/kconfig.h -D__KERNEL__ -fmacro-prefix-map=/usr/src/= -Wall -fno-PIE -mcmodel=kernel ` +
  `-O2 -pg -mrecord-mcount -mfentry -DCC_USING_FENTRY -g --param asan-globals=1 -DMODULE -DKBUILD_BASENAME='"a"' ` +
  `-DKBUILD_MODNAME='"m"' -D__KBUILD_MODNAME=kmod_m -c -o /build/a.o /build/a.c ${objtool}\n\nsource_/build/a.o := /build/a.c\n`;
const module =
  'cmd_/build/m.ko := ld -r -m elf_x86_64 -z noexecstack --build-id=sha1  -T scripts/module.lds -o /build/m.ko /build/m.o /build/m.mod.o;  true\n';
const link = (objtool: string): string =>
  `cmd_/build/m.o := ld -m elf_x86_64 -z noexecstack   -r -o /build/m.o @/build/m.mod ${objtool}\n`;

describe('a recipe', () => {
  test('keeps what governs code and drops headers, definitions, debug information and tracing', () => {
    const recipe = readRecipe({ folder: '/k', compile: compile(''), link: link(''), module, output: '' });
    expect(recipe.compiler).toBe('gcc-12');
    expect(recipe.plainFlags).toEqual([
      '-nostdinc',
      '-Wall',
      '-fno-PIE',
      '-mcmodel=kernel',
      '-O2',
      '--param',
      'asan-globals=1',
    ]);
    expect(recipe.kernelFlags).toContain('-include');
    expect(recipe.kernelFlags).toContain('/usr/src/include/linux/kconfig.h');
    expect(recipe.kernelFlags).toContain('-DMODULE');
    expect(recipe.kernelFlags.join(' ')).not.toMatch(/ -c |a\.c|a\.o/);
    expect(recipe.objtool).toBeUndefined();
    expect(recipe.finalLink).toEqual([
      'ld',
      '-r',
      '-m',
      'elf_x86_64',
      '-z',
      'noexecstack',
      '--build-id=sha1',
      '-T',
      'scripts/module.lds',
    ]);
    expect(recipe.partialLink).toEqual(['ld', '-m', 'elf_x86_64', '-z', 'noexecstack', '-r']);
  });

  test('takes objtool from the command that follows the compiler (6.1)', () => {
    const recipe = readRecipe({
      folder: '/k',
      compile: compile('; ./tools/objtool/objtool --hacks=jump_label --orc   --module /build/a.o'),
      link: link(''),
      module,
      output: '',
    });
    expect(recipe.objtool).toEqual(['/k/tools/objtool/objtool', '--hacks=jump_label', '--orc', '--module']);
    expect(recipe.objtoolAfterLink).toBe(false);
  });

  test('takes objtool from what make printed where the .cmd file is silent (5.10)', () => {
    const recipe = readRecipe({
      folder: '/k',
      compile: compile(''),
      link: link(''),
      module,
      output:
        '  gcc-12 -c -o /build/a.o /build/a.c\n   ./tools/objtool/objtool orc generate  --module --no-fp --retpoline --uaccess  /build/a.o;\n',
    });
    expect(recipe.objtool).toEqual([
      '/k/tools/objtool/objtool',
      'orc',
      'generate',
      '--module',
      '--no-fp',
      '--retpoline',
      '--uaccess',
    ]);
  });

  test('tells that objtool runs after the link (IBT, LTO)', () => {
    const recipe = readRecipe({
      folder: '/k',
      compile: compile(''),
      link: link('; ./tools/objtool/objtool --ibt --orc --link --module /build/m.o'),
      module,
      output: 'make: Entering\nstapkit: SRCARCH=x86\nstapkit: SRCARCH=x86\n',
    });
    expect(recipe.objtool).toEqual(['/k/tools/objtool/objtool', '--ibt', '--orc', '--link', '--module']);
    expect(recipe.objtoolAfterLink).toBe(true);
    expect(recipe.environment).toEqual({ SRCARCH: 'x86' });
  });

  test('reads the newer spelling savedcmd_ (6.2)', () => {
    expect(linkedObjects(module.replace('cmd_', 'savedcmd_'))).toEqual(['/build/m.o', '/build/m.mod.o']);
  });
});

test('a line is split as a shell splits it', () => {
  expect(splitCommands(`a 'b c' "d \\"e\\"" f\\ g; h && i $$X $(pound)y`)).toEqual([
    ['a', 'b c', 'd "e"', 'f g'],
    ['h'],
    ['i', '$X', '#y'],
  ]);
});

test('a compilation is found in what make has printed, once its line is whole', () => {
  const line = '  gcc-12 -Wp,-MMD,/w/.a.o.d -I./include -D__KERNEL__ -DKBUILD_MODNAME=\'"m"\' -c -o /w/a.o /w/a.c';
  expect(readCompileFlags(`make: Entering\n# CC\n${line}`, 'a.c')).toBeUndefined();
  expect(readCompileFlags(`make: Entering\n# CC\n${line}  ; ./tools/objtool/objtool /w/a.o\n`, 'a.c')).toEqual({
    compiler: 'gcc-12',
    flags: ['-I./include', '-D__KERNEL__', '-DKBUILD_MODNAME="m"'],
  });
});
