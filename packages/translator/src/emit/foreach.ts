// foreach over an array. In the order of insertion it is a loop of the script's own C along the list of elements; sorted,
// the runtime says which element is next. Either way keys and value are read where the element lies.
import type { Expression, Statement } from '@stapkit/elaborator';
import type { BodyEmission, Walk } from './body.js';
import { emitNumber } from './expression.js';
import { emitKeys } from './map.js';
import { emitBody, endLoop } from './statement.js';
import { operationNumber } from './statistic.js';

type Foreach = Extract<Statement, { kind: 'foreach' }>;

export function emitForeach(b: BodyEmission, s: Foreach): void {
  const number = b.unique();
  const { module } = b;
  const map = `m${number}`;
  const node = `e${number}`;
  const index = `n${number}`;
  b.out.open('{');
  b.out.line(`struct stapkit_map *const ${map} = ${module.globalName(s.global)};`);
  const slice = s.slice.some((key) => key !== null) ? emitKeys(b, s.slice) : undefined;
  const left = s.limit ? b.number(emitNumber(b, s.limit)) : undefined;
  b.out.line(`struct stapkit_node *${node};`);
  b.out.line(`u32 ${index};`);
  if (s.sort) {
    const { column, direction, by } = s.sort;
    const slot = module.takeOrder(s.global);
    b.out.line(
      `const u32 order${number} = stapkit_sort(c, ${map}, ${column}, ${direction === 'descending'}, ${operationNumber(by ?? 'count')}, ${slice?.text ?? 'NULL'}, ${slice?.fixed ?? 0}, ${slot});`,
    );
    b.out.open(`while ((${node} = stapkit_sorted_next(${map}, ${slot}, order${number}, &${index})) != NULL) {`);
  } else {
    b.out.line(`u8 *const nodes${number} = ${map}->nodes;`);
    b.out.line(`const size_t size${number} = ${nodeSize(b, s.global, map)};`);
    b.out.open(`for (${index} = ${map}->first; ${index}; ${index} = ${node}->next) {`);
    b.out.line(`${node} = stapkit_node_at(nodes${number}, ${index}, size${number});`);
  }
  if (slice && !s.sort) {
    b.out.line(`if (!stapkit_node_matches(${map}, ${index}, ${slice.text}, ${slice.fixed}))`);
    b.out.line('\tcontinue;');
  }
  if (left !== undefined) {
    b.out.line(`if (${left}-- == 0)`);
    b.out.line('\tbreak;');
  }
  // Only embedded C can do that.
  const changes = (module.effects.ofStatement(s.body).get(s.global)?.writes ?? 0) > 0;
  if (changes) b.out.line(`const u64 sequence${number} = ${node}->sequence;`);
  const walk: Walk = { global: s.global, keys: s.keys, map, node, index, changes };
  const { lines, used } = b.walking(walk, () => emitBody(b, s, number));
  const set = (local: number, value: string): void => {
    if (!b.isDirect(local)) {
      if (b.localType(local) === 'string') b.out.line(`stapkit_copy(c, ${b.local(local)}, ${value});`);
      else b.out.line(`${b.local(local)} = ${value};`);
    } else if (used.has(local)) {
      b.out.line(`${b.localType(local) === 'string' ? 'const char *' : 's64 '}${b.local(local)} = ${value};`);
    }
  };
  s.keys.forEach((local, key) => {
    set(local, nodePart(b.localType(local), node, keyAt(b, s.global, key, map)));
  });
  if (s.value !== undefined) {
    const type = module.script.globals[s.global]!.type;
    set(
      s.value,
      type === 'statistic'
        ? `stapkit_node_merge(c, ${map}, ${index})->count`
        : nodePart(b.localType(s.value), node, 'STAPKIT_VALUE_AT'),
    );
  }
  b.out.put(lines);
  // The element was deleted, and its place may be another's: the walk is over.
  if (changes && !s.sort) {
    b.out.line(`if (unlikely(${node}->sequence != sequence${number}))`);
    b.out.line('\tbreak;');
  }
  b.out.close();
  b.out.close();
  endLoop(b, number);
}

/** The walk around this place that stands at just this element, which nothing changes meanwhile. */
export function walkAt(b: BodyEmission, global: number, keys: readonly (Expression | null)[]): Walk | undefined {
  return b.walks.find(
    (walk) =>
      walk.global === global &&
      !walk.changes &&
      walk.keys.every((local, index) => {
        const key = keys[index];
        return b.isDirect(local) && key?.kind === 'local' && key.local === local;
      }),
  );
}

/** C text for an element's value, in a walk that stands at it. */
export function walkValue({ node }: Walk, type: 'long' | 'string'): string {
  return nodePart(type, node, 'STAPKIT_VALUE_AT');
}

function nodePart(type: 'long' | 'string', node: string, at: string): string {
  return `stapkit_node_${type === 'string' ? 'text' : 'number'}(${node}, ${at})`;
}

/** How many words the value takes, where that and all keys are of a known size. */
function valueWords(b: BodyEmission, global: number): number | undefined {
  const { type, keys } = b.module.script.globals[global]!;
  if (type === 'string' || keys.includes('string')) return undefined;
  return type === 'statistic' ? 0 : 1;
}

function nodeSize(b: BodyEmission, global: number, map: string): string {
  const words = valueWords(b, global);
  const { keys } = b.module.script.globals[global]!;
  return words === undefined ? `${map}->node_size` : `STAPKIT_NODE_SIZE(${words}, ${keys.length})`;
}

function keyAt(b: BodyEmission, global: number, key: number, map: string): string {
  const words = valueWords(b, global);
  return words === undefined ? `${map}->key_at[${key}]` : `STAPKIT_KEY_AT(${words}, ${key})`;
}
