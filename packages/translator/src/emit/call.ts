// Calls of script functions and of the runtime functions that tapset functions stand for.
import type { Expression } from '@stapkit/elaborator';
import type { BodyEmission } from './body.js';
import { emitOperands } from './expression.js';
import type { ScriptEmission } from './script.js';

type Call = Extract<Expression, { kind: 'call' }>;

/** Emits a call whose value is a number or none. */
export function emitCall(b: BodyEmission, e: Call): string {
  if (e.type === 'string') {
    // The value of a string function that nobody asks for.
    emitCallInto(b, e, b.stringRoom());
    return '0';
  }
  const text = `${calleeName(b, e)}(${['c', ...callArguments(b, e)].join(', ')})`;
  if (e.type === 'none') {
    b.out.line(`${text};`);
    b.failOnError(e.span);
    return '0';
  }
  const result = b.number(text);
  b.failOnError(e.span);
  return result;
}

/** Emits a call whose value is a string, into room that no argument reads. */
export function emitCallInto(b: BodyEmission, e: Call, room: string): void {
  b.out.line(`${calleeName(b, e)}(${['c', room, ...callArguments(b, e)].join(', ')});`);
  b.failOnError(e.span);
}

function calleeName(b: BodyEmission, e: Call): string {
  if (b.module.runtimeFunction(b.module.script.functions[e.function]!) === undefined) b.calls = true;
  return functionToCall(b.module, e.function);
}

/** The C name that a script's function goes by; one of the runtime's is declared as well. */
export function functionToCall(module: ScriptEmission, index: number): string {
  const declared = module.script.functions[index]!;
  const external = module.runtimeFunction(declared);
  if (external === undefined) return module.functionName(index);
  if (!module.externals.has(external)) {
    const parameters = declared.locals
      .slice(0, declared.parameters)
      .map((parameter) => (parameter.type === 'string' ? 'const char *' : 's64'));
    const result = declared.result === 'long' ? 's64 ' : 'void ';
    const all = ['struct stapkit_context *c', ...(declared.result === 'string' ? ['char *result'] : []), ...parameters];
    module.externals.set(external, `${result}${external}(${all.join(', ')});`);
  }
  return external;
}

function callArguments(b: BodyEmission, e: Call): string[] {
  const { module } = b;
  const values = emitOperands(b, e.arguments);
  const called = module.script.functions[e.function]!;
  if (called.body.kind === 'embedded' && called.body.pragmas.includes('myproc-unprivileged')) {
    b.expectOwnProcess(`function ${called.name}`, e.span);
  }
  const uses = module.effects.ofFunction(e.function);
  const changed = new Set([...uses].filter(([, use]) => use.writes > 0).map(([global]) => global));
  return e.arguments.map((argument, index) => {
    const value = values[index]!;
    // A string is passed as a pointer: where the callee changes the global it lies in, it gets a copy.
    const inGlobal = argument.kind === 'global' || argument.kind === 'element' ? argument.global : undefined;
    if (argument.type !== 'string' || inGlobal === undefined || !changed.has(inGlobal)) return value;
    const room = b.stringRoom();
    b.out.line(`stapkit_copy(c, ${room}, ${value});`);
    return room;
  });
}
