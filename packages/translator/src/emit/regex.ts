// Regular expressions: the automaton becomes static tables that the runtime walks.
import type { Expression, RegexAutomaton, RegexTag } from '@stapkit/elaborator';
import type { BodyEmission } from './body.js';
import { emitString } from './string.js';

export function emitRegex(b: BodyEmission, e: Extract<Expression, { kind: 'regex' }>): string {
  const subject = emitString(b, e.subject);
  b.module.usedAutomata.add(e.automaton);
  const match = b.number(`stapkit_regex_match(c, &regex_${e.automaton}, ${subject})`);
  return e.negated ? `(s64)!${match}` : match;
}

/** The tables of an automaton. */
export function printAutomaton(index: number, automaton: RegexAutomaton): string {
  const tags: string[] = ['{ 0xff, 0 }'];
  const known = new Map<string, number>([['', 0]]);
  const tagList = (list: readonly RegexTag[]): number => {
    const rows = list.map((tag) => `{ ${tag.register}, ${tag.unset ? 0xfe : (tag.copyOf ?? 0xff)} }`);
    const text = rows.join(', ');
    const found = known.get(text);
    if (found !== undefined) return found;
    const at = tags.length;
    tags.push(...rows, '{ 0xff, 0 }');
    known.set(text, at);
    return at;
  };
  const transitions: string[] = [];
  const states = automaton.states.map((state) => {
    const first = transitions.length;
    for (const t of [...state.transitions].sort((x, y) => x.from - y.from))
      transitions.push(`{ ${t.from}, ${t.to}, ${t.target}, ${tagList(t.tags)} }`);
    return `{ ${first}, ${transitions.length - first}, ${tagList(state.finish)}, ${state.accepting} }`;
  });
  const rows = (list: readonly string[]): string => list.map((row) => `\t${row},`).join('\n');
  return [
    `static const struct stapkit_regex_tag regex_${index}_tags[] = {\n${rows(tags)}\n};`,
    `static const struct stapkit_regex_transition regex_${index}_transitions[] = {\n${rows(transitions.length ? transitions : ['{ 0, 0, 0, 0 }'])}\n};`,
    `static const struct stapkit_regex_state regex_${index}_states[] = {\n${rows(states)}\n};`,
    `static const struct stapkit_regex regex_${index} = {\n\t.states = regex_${index}_states,\n\t.transitions = regex_${index}_transitions,\n\t.tags = regex_${index}_tags,\n\t.groups = ${automaton.groups},\n\t.registers = ${automaton.registers},\n\t.tagged = ${automaton.tagged},\n};`,
  ].join('\n\n');
}
