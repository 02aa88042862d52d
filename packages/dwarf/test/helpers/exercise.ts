// Reads everything there is in a file, as the fuzz test does with damaged ones.

import { layoutIndex } from '../../src/debug-index/build-index.js';
import { Scanner } from '../../src/debug-index/scan.js';
import {
  attempt,
  type BinaryFault,
  type ByteSource,
  bufferSource,
  Dwarf,
  debugLink,
  decodeExpression,
  dwarfTypeFacts,
  EvaluationError,
  evaluate,
  expressionContext,
  findByName,
  frameTables,
  locationOf,
  openElf,
  parseBtf,
  printCType,
  qualifiedName,
  rangesOf,
  symbolize,
  typeIdOf,
} from '../../src/index.js';

/** Walks an ELF file with all readers. A fault in one does not keep the next one from being tried. */
export function exerciseElf(bytes: Uint8Array): BinaryFault[] {
  const faults: BinaryFault[] = [];
  const run = <T>(read: () => T): T | undefined => {
    const result = attempt(read);
    if (result.ok) return result.value;
    faults.push(result.fault);
    return undefined;
  };
  const source: ByteSource = bufferSource(bytes, 'fuzzed');
  const elf = run(() => openElf(source));
  if (!elf) return faults;
  run(() => elf.notes());
  run(() => elf.buildId());
  run(() => debugLink(elf));
  for (const section of elf.sections) {
    if (section.name.startsWith('.debug') || section.name.startsWith('.rela.debug'))
      run(() => elf.sectionBytes(section));
  }
  run(() => {
    // A few questions and many are answered by different ways.
    elf.symbols().find('main');
    elf.symbols().functionAt(0x1139n);
    for (const symbol of elf.symbols()) void symbol;
    for (let count = 0; count < 40; count++) {
      elf.symbols().find('main');
      elf.symbols().functionAt(0x1139n);
    }
  });
  const dwarf = new Dwarf(elf);
  const units = run(() => dwarf.units()) ?? [];
  for (const unit of units) {
    run(() => unit.lines()?.rowAt(0x1140n));
    run(() => unit.ranges());
    run(() => {
      for (const die of unit.root.descendants()) {
        run(() => {
          die.attributes();
          void die.fullName;
          void die.type;
          rangesOf(die);
          dwarfTypeFacts(dwarf, typeIdOf(die));
        });
        run(() => {
          const location = locationOf(die);
          const blocks =
            location?.kind === 'list' ? location.entries.map((e) => e.bytes) : location ? [location.bytes] : [];
          for (const block of blocks) evaluateQuietly(block, unit);
        });
      }
    });
    run(() => {
      for (const child of unit.root.children()) qualifiedName(child);
    });
    run(() => {
      const scanner = new Scanner(dwarf);
      scanner.scan(unit);
      layoutIndex([scanner.packed()], units, { buildId: '00', infoSize: 0 });
    });
  }
  run(() => symbolize(dwarf, 0x1150n));
  run(() => findByName(dwarf, 'main'));
  run(() => {
    for (const table of frameTables(elf)) {
      for (const fde of table) run(() => table.rows(fde));
      run(() => table.find(0x1150n));
    }
  });
  const btf = elf.section('.BTF');
  if (btf) faults.push(...exerciseBtf(run(() => elf.sectionBytes(btf)) ?? new Uint8Array(0)));
  return faults;
}

function evaluateQuietly(block: Uint8Array, unit: Dwarf['units'] extends () => readonly (infer U)[] ? U : never): void {
  const operations = decodeExpression(block, expressionContext(unit));
  try {
    evaluate(operations, {
      addressSize: 8,
      littleEndian: true,
      register: () => 0x1000n,
      frameBase: () => 0x2000n,
      callFrameAddress: () => 0x3000n,
      memory: (_, size) => new Uint8Array(size),
    });
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
  }
}

/** Decodes and prints every type of a BTF blob. */
export function exerciseBtf(bytes: Uint8Array, base?: Uint8Array): BinaryFault[] {
  const faults: BinaryFault[] = [];
  const parsed = attempt(() => parseBtf(bytes, 'fuzzed', base && parseBtf(base, 'base')));
  if (!parsed.ok) return [parsed.fault];
  const btf = parsed.value;
  for (const id of btf.ids()) {
    for (const read of [() => void btf.type(id), () => void btf.strip(id), () => void printCType(btf, id, 'x')]) {
      const result = attempt(read);
      if (!result.ok) faults.push(result.fault);
    }
  }
  return faults;
}
