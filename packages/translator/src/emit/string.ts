// Strings. `emitString` returns C text for a pointer that holds until the statement ends or what it points to is
// changed; `emitStringInto` writes a value to a given place.
import type { Expression, ResolvedProbe, Variable } from '@stapkit/elaborator';
import { invariant, type Span, unreachable } from '@stapkit/pass';
import type { BodyEmission } from './body.js';
import { byteLength, cString } from './c-text.js';
import { emitCallInto } from './call.js';
import { emitContextStore } from './context.js';
import { emitEmbeddedInto } from './embedded.js';
import { emitCondition, emitNumber, emitOperands } from './expression.js';
import { emitFormatInto } from './format.js';
import { emitElementString, emitElementStringUpdate } from './map.js';

/** The least MAXSTRINGLEN that a module can be loaded with, STAPKIT_STRING_LEAST. */
const LEAST_ROOM = 16;

export function emitString(b: BodyEmission, e: Expression): string {
  switch (e.kind) {
    case 'string':
      return cString(cut(b, e.value));
    case 'local':
      return b.local(e.local);
    case 'global':
      return b.module.globalName(e.global);
    case 'element':
      return emitElementString(b, e);
    case 'entry-value':
      return entryValue(b.module.script.probes[b.probe!]!, e.slot, `(struct entry_${b.probe} *)c->entry_data`);
    case 'context':
      return 'stapkit_procfs_value(c)';
    case 'context-store':
      emitContextStore(b, e);
      return 'stapkit_procfs_value(c)';
    case 'assignment':
      emitStringAssignment(b, e.target, e.value, e.operator === '.', e.span);
      return emitString(b, e.target);
    case 'conditional': {
      const condition = emitCondition(b, e.condition);
      const then = b.captured(() => emitString(b, e.then));
      const otherwise = b.captured(() => emitString(b, e.else));
      if (then.lines.length === 0 && otherwise.lines.length === 0)
        return `((${condition}) ? ${then.value} : ${otherwise.value})`;
      const result = `t${b.unique()}`;
      b.out.line(`const char *${result};`);
      b.out.open(`if (${condition}) {`);
      b.out.put(then.lines);
      b.out.line(`${result} = ${then.value};`);
      b.out.reopen('} else {');
      b.out.put(otherwise.lines);
      b.out.line(`${result} = ${otherwise.value};`);
      b.out.close();
      return result;
    }
    case 'let':
      emitLet(b, e);
      return emitString(b, e.body);
    case 'call':
    case 'concatenation':
    case 'string-load':
    case 'format':
    case 'embedded': {
      const room = b.stringRoom();
      emitStringInto(b, e, room);
      return room;
    }
    default:
      invariant(false, `a ${e.kind} where a string belongs`);
      return '""';
  }
}

/** C text for the string that a slot of @entry's values holds. */
export function entryValue(probe: ResolvedProbe, slot: number, structure: string): string {
  return `STAPKIT_ROOM(${structure}, ${entryStrings(probe, slot)})`;
}

/** How many of the values for @entry, before a slot, are strings. */
export function entryStrings(probe: ResolvedProbe, before = probe.entryValues.length): number {
  return probe.entryValues.slice(0, before).filter(({ type }) => type === 'string').length;
}

/** Emits a string's value into room for a string that the expression itself does not read. */
export function emitStringInto(b: BodyEmission, e: Expression, room: string): void {
  switch (e.kind) {
    case 'string': {
      const text = cut(b, e.value);
      // A string may be cut shorter when the module is loaded, but not this short.
      if (byteLength(text) < LEAST_ROOM) b.out.line(`memcpy(${room}, ${cString(text)}, ${byteLength(text) + 1});`);
      else b.out.line(`stapkit_copy(c, ${room}, ${cString(text)});`);
      return;
    }
    case 'call':
      emitCallInto(b, e, room);
      return;
    case 'concatenation': {
      const parts = emitOperands(b, e.parts);
      parts.forEach((part, index) => {
        b.out.line(`${index === 0 ? 'stapkit_copy' : 'stapkit_append'}(c, ${room}, ${part});`);
      });
      return;
    }
    case 'string-load': {
      const [address, length] = emitOperands(b, e.length ? [e.address, e.length] : [e.address]) as [string, string?];
      b.expectReadable(e.space, e.span);
      b.out.line(`stapkit_load_string(c, ${room}, (u64)(${address}), ${length ?? '-1'}, ${e.space === 'user'});`);
      b.failOnError(e.span);
      return;
    }
    case 'format':
      emitFormatInto(b, e, room);
      return;
    case 'embedded':
      emitEmbeddedInto(b, e, room);
      return;
    case 'let':
      emitLet(b, e);
      emitStringInto(b, e.body, room);
      return;
    default:
      b.out.line(`stapkit_copy(c, ${room}, ${emitString(b, e)});`);
  }
}

/** `target = value`, or `target .= value` where `append`. */
export function emitStringAssignment(
  b: BodyEmission,
  target: Variable,
  value: Expression,
  append = false,
  span?: Span,
): void {
  switch (target.kind) {
    case 'local':
    case 'global': {
      const name = target.kind === 'local' ? b.local(target.local) : b.module.globalName(target.global);
      if (append) b.out.line(`stapkit_append(c, ${name}, ${aside(b, target, value)});`);
      else if (reads(value, target) && needsRoom(value))
        b.out.line(`stapkit_copy(c, ${name}, ${emitString(b, value)});`);
      else emitStringInto(b, value, name);
      return;
    }
    case 'element':
      emitElementStringUpdate(b, target, value, append, span);
      return;
    default:
      unreachable(target, 'variable');
  }
}

/** `s .= s`: what is appended must not grow while it is read. */
function aside(b: BodyEmission, target: Variable, value: Expression): string {
  const text = emitString(b, value);
  if (!reads(value, target)) return text;
  const room = b.stringRoom();
  b.out.line(`stapkit_copy(c, ${room}, ${text});`);
  return room;
}

function emitLet(b: BodyEmission, e: Extract<Expression, { kind: 'let' }>): void {
  if (b.localType(e.local) === 'string')
    emitStringAssignment(b, { kind: 'local', type: 'string', local: e.local }, e.value);
  else b.out.line(`${b.local(e.local)} = ${emitNumber(b, e.value)};`);
}

/** Expressions that are written piece by piece, and would overwrite what they still have to read. */
function needsRoom(e: Expression): boolean {
  return e.kind !== 'string' && e.kind !== 'local' && e.kind !== 'global';
}

/** True where an expression may read the variable; of calls and globals this is not known, so it is assumed. */
function reads(e: Expression, target: Variable): boolean {
  return JSON.stringify(e, (key, value) => (key === 'span' ? undefined : value)).includes(
    target.kind === 'local'
      ? `"kind":"local","type":"string","local":${target.local}`
      : target.kind === 'global'
        ? `"global":${target.global}`
        : '',
  )
    ? true
    : target.kind !== 'local' && hasCall(e);
}

function hasCall(e: Expression): boolean {
  return JSON.stringify(e).includes('"kind":"call"');
}

/** Cuts a literal to what a string can hold. */
function cut(b: BodyEmission, text: string): string {
  const room = b.module.stringSize - 1;
  return byteLength(text) <= room ? text : text.slice(0, room);
}
