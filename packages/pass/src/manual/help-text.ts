// `--help`, from a program's manual.
import { type OptionEntry, optionForms, type ProgramManual } from './program-manual.js';

/** Where the descriptions begin, and where lines end. */
const INDENT = 22;
const WIDTH = 80;

/** The text of `--help`. */
export function helpText(manual: ProgramManual, notes: readonly string[] = []): string {
  const lines: string[] = [];
  const { name, synopsis, options } = manual;
  const widest = Math.max(...synopsis.map(({ words }) => words.length));
  synopsis.forEach(({ words, help }, index) => {
    const head = index === 0 ? 'Usage:' : '   or:';
    lines.push(`${head} ${name} ${words.padEnd(widest)}  ${help}`.trimEnd());
  });
  let group = '';
  for (const option of options) {
    if (option.group !== group) lines.push('', `${option.group}:`);
    group = option.group;
    lines.push(...optionLines(option));
  }
  if (notes.length > 0) lines.push('', ...notes);
  return `${lines.join('\n')}\n`;
}

function optionLines(option: OptionEntry): string[] {
  const forms = `  ${optionForms(option).join(' ')}`;
  const text = wrap(option.help, WIDTH - INDENT);
  const indent = ' '.repeat(INDENT);
  if (forms.length < INDENT - 1)
    return [forms.padEnd(INDENT) + text[0]!, ...text.slice(1).map((line) => indent + line)];
  return [forms, ...text.map((line) => indent + line)];
}

/** Breaks a text into lines. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
