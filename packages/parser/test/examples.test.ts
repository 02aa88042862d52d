import { expect, test } from 'vitest';
import { type Ast, type AstNode, checkSpans, formatParse, printAst, visitNode } from '../src/index.js';
import { Ast as AstSchema } from '../src/schema.js';
import { exampleLibrary, findExamples, parseText, withoutPlaces } from './support.js';

const examples = findExamples();
const library = exampleLibrary();

/** Not a script but a form to fill in: it holds `{...}`, which SystemTap refuses as well. */
const TEMPLATES = new Set(['security-band-aids/security-bandaid-template.stp']);

const parsed = new Map<string, { ast: Ast; messages: string[] }>();
for (const example of examples) {
  parsed.set(example.path, parseText(example.text, { arguments: example.arguments, library }));
}

test.skipIf(examples.length === 0)('every example of systemtap-doc parses without a message', () => {
  const failed = examples
    .filter((example) => !TEMPLATES.has(example.path))
    .flatMap((example) => parsed.get(example.path)!.messages.map((message) => `${example.path}: ${message}`));
  expect(failed).toEqual([]);
  expect(examples.length).toBeGreaterThanOrEqual(194);
});

test.skipIf(examples.length === 0)('the template among the examples is refused, as SystemTap refuses it', () => {
  for (const path of TEMPLATES) expect(parsed.get(path)?.messages[0]).toMatch(/expected literal string or number/);
});

test.skipIf(examples.length === 0)('printing and parsing again gives the same tree for every example', () => {
  for (const { path } of examples) {
    const { ast } = parsed.get(path)!;
    const again = parseText(printAst(ast));
    expect(again.messages, path).toEqual([]);
    expect(withoutPlaces(again.ast.user[0]!.declarations), path).toEqual(withoutPlaces(ast.user[0]!.declarations));
  }
});

test.skipIf(examples.length === 0)('every child lies within its parent in every example', () => {
  for (const { path } of examples) {
    for (const file of parsed.get(path)!.ast.user) {
      expect(
        checkSpans(file).map(({ node, parent, reason }) => [reason, node, parent]),
        path,
      ).toEqual([]);
    }
  }
});

test.skipIf(examples.length === 0)('every example goes through JSON and the schema unchanged', () => {
  for (const { path } of examples) {
    const { ast } = parsed.get(path)!;
    expect(AstSchema.parse(JSON.parse(JSON.stringify(ast))), path).toEqual(ast);
  }
});

test.skipIf(examples.length === 0)('every example can be shown as -p1 shows it, and its tree is not deep', () => {
  let deepest = 0;
  for (const { path } of examples) {
    const { ast } = parsed.get(path)!;
    expect(formatParse(ast)).toMatch(/^# parse tree dump\n# file <input>\n/);
    const depths = new Map<AstNode, number>();
    visitNode(ast, (node, parent) => {
      const depth = (parent ? depths.get(parent)! : 0) + 1;
      depths.set(node, depth);
      deepest = Math.max(deepest, depth);
      return undefined;
    });
    expect(deepest, path).toBeLessThan(70);
  }
});
