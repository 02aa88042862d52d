// A small ELF file with the two sections that make a kernel module.

/** Builds a .ko with a name, a vermagic and more information, and nothing to run. */
export function moduleFile(name: string, vermagic: string, more: readonly string[] = []): Buffer {
  const self = Buffer.alloc(128);
  self.write(name, 24, 'latin1');
  const sections = [
    { name: '', data: Buffer.alloc(0) },
    {
      name: '.modinfo',
      data: Buffer.from(['license=Dual MIT/GPL', `vermagic=${vermagic}`, `name=${name}`, ...more, ''].join('\0')),
    },
    { name: '.gnu.linkonce.this_module', data: self },
    { name: '.shstrtab', data: Buffer.alloc(0) },
  ];
  const names: number[] = [];
  let table = '';
  for (const section of sections) {
    names.push(table.length);
    table += `${section.name}\0`;
  }
  sections[3]!.data = Buffer.from(table, 'latin1');
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x7f454c46, 0);
  header[4] = 2;
  header[5] = 1;
  const parts: Buffer[] = [header];
  let offset = 64;
  const headers = sections.map(({ data }, index) => {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(names[index]!, 0);
    entry.writeBigUInt64LE(BigInt(offset), 0x18);
    entry.writeBigUInt64LE(BigInt(data.length), 0x20);
    parts.push(data);
    offset += data.length;
    return entry;
  });
  header.writeBigUInt64LE(BigInt(offset), 0x28);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(sections.length, 0x3c);
  header.writeUInt16LE(sections.length - 1, 0x3e);
  return Buffer.concat([...parts, ...headers]);
}
