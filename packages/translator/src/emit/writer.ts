// Collects lines of C. Sections are captured and put in place later, because declarations come to light only while the
// code that needs them is written.

export class Writer {
  private lines: string[] = [];
  private depth = 0;
  private place = '';

  /** Adds a line at the current depth. */
  line(text: string): void {
    this.lines.push(text === '' || text.startsWith('#') ? text : '\t'.repeat(this.depth) + text);
  }

  /** Opens a block: the line, and a deeper indentation until `close`. */
  open(text: string): void {
    this.line(text);
    this.depth += 1;
  }

  close(text = '}'): void {
    this.depth -= 1;
    this.line(text);
  }

  /** Ends one block and opens the next: `} else {`. */
  reopen(text: string): void {
    this.depth -= 1;
    this.open(text);
  }

  /** A label, one level out as in the kernel's style. */
  label(name: string): void {
    this.lines.push(`${'\t'.repeat(Math.max(0, this.depth - 1))}${name}:`);
  }

  /** Tells the compiler where the following lines come from; says nothing where it said the same last. */
  at(line: number, file: string): void {
    const place = `#line ${line} ${JSON.stringify(file)}`;
    if (place === this.place) return;
    this.place = place;
    this.lines.push(place);
  }

  /**
   * Runs `write` and takes back the lines that it wrote.
   *
   * @returns what it gave, and the lines
   */
  capture<T>(write: () => T): { readonly value: T; readonly lines: readonly string[] } {
    const outer = this.lines;
    const place = this.place;
    this.lines = [];
    try {
      const value = write();
      return { value, lines: this.lines };
    } finally {
      this.lines = outer;
      this.place = place;
    }
  }

  /** Puts captured lines in; their indentation stays as it was. */
  put(lines: readonly string[]): void {
    for (const line of lines) this.lines.push(line);
    this.place = '';
  }

  toString(): string {
    return `${this.lines.join('\n')}\n`;
  }
}
