// The preprocessor, between the scanner and the grammar: `$1 @1 $# @#`, `@define` macros, and `%( … %? … %: … %)`. It
// yields one token at a time and holds no more of the text than the macro bodies.
//
// By its manual, SystemTap expands macros in both branches of a conditional; in fact, as here, the branch that is not
// taken is skipped unread. Macros are hygienic in one respect: the body of a library macro sees library macros only, and
// a macro's argument is expanded where it was written.
import type { Diagnostic, SourceText } from '@stapkit/pass';
import { nearestNames } from '@stapkit/pass';
import type { Origin } from '../ast.js';
import { MAXIMUM_EXPANSION, MAXIMUM_KEPT, MAXIMUM_MACRO_DEPTH, MAXIMUM_STRING, parseError } from '../diagnostics.js';
import {
  type Comparison,
  compareStrings,
  compareVersions,
  hasWildcard,
  holds,
  isComparison,
  matchesWildcard,
} from './conditions.js';
import { numberValue, stringValue } from './literals.js';
import { type Comment, type ScanFault, Scanner } from './scanner.js';
import { placeBetween, ScriptToken } from './token.js';

/** The facts that `%( … %)` may ask for. */
export interface PreprocessorFacts {
  /** As `uname -r` prints it: `kernel_vr`, and up to the first dash `kernel_v`. */
  readonly kernelRelease: string;
  /** SystemTap's name of the architecture: `x86_64`, `arm64`, … */
  readonly architecture: string;
  /** `systemtap_v`: the version that `--compatible` names, 4.8 where it is not given. */
  readonly systemtapVersion?: string;
  /** `-g` was given: `guru_mode == 1`, and embedded C is allowed in the user's scripts. */
  readonly guru?: boolean;
  readonly privilege?: 'stapusr' | 'stapsys' | 'stapdev';
  /** `runtime`: `kernel` where it is not given. */
  readonly runtime?: string;
  /** The value of a kernel configuration option, `y`, `m`, `"text"`; undefined where it is not set. */
  config(name: string): string | undefined;
}

/** The version that `systemtap_v` gives where none is asked for: the one whose language this is. */
export const SYSTEMTAP_VERSION = '4.8';

/** A macro as defined. */
export interface Macro {
  readonly name: string;
  /** Undefined for a macro without a parameter list, which takes no parentheses. */
  readonly parameters: readonly string[] | undefined;
  readonly body: readonly ScriptToken[];
  /** The name in its definition. */
  readonly definition: ScriptToken;
  readonly library: boolean;
}

/** What the preprocessor is told, and where it reports to. */
export interface PreprocessorOptions {
  readonly facts: PreprocessorFacts;
  /** What stands for `$1 … @1`. */
  readonly arguments: readonly string[];
  /** Finds a macro of the library by its name, without the `@`. */
  readonly libraryMacro?: (name: string) => Macro | undefined;
  /** Names like one, for help with spelling. */
  readonly nearestMacros?: (name: string) => readonly string[];
  /** True for a `.stpm` file: only definitions may stand in it. */
  readonly definitionsOnly?: boolean;
  /** True for operators that the grammar knows; a macro of that name draws a warning. */
  readonly isBuiltin: (name: string) => boolean;
  readonly report: (diagnostic: Diagnostic) => void;
  readonly comment?: (comment: Comment) => void;
  /** Receives the pseudo file of each command line argument that was pasted. */
  readonly argumentSource?: (source: SourceText) => void;
}

/** Tokens that are being read instead of the file: a macro's body, or one of its arguments. */
interface Frame {
  readonly tokens: readonly ScriptToken[];
  at: number;
  readonly origin: Origin;
  /** What `@name` may be here. */
  readonly scope: Scope;
  /** How many expansions led here. */
  readonly depth: number;
}

/** Where a token was written, as far as names go: the macro whose body it is in, and those that led there. */
interface Scope {
  readonly macro: Macro | undefined;
  readonly parameters: ReadonlyMap<string, Parameter> | undefined;
  readonly outer: Scope | undefined;
}

interface Parameter {
  readonly tokens: readonly ScriptToken[];
  readonly scope: Scope;
}

const FILE_SCOPE: Scope = { macro: undefined, parameters: undefined, outer: undefined };

const EXPECTED_OPERAND =
  "expected 'arch', 'kernel_v', 'kernel_vr', 'systemtap_v', 'runtime', 'systemtap_privilege', 'guru_mode', " +
  "'CONFIG_...', or comparison between strings or integers";

/** Thrown inside this file to leave a construct whose fault was reported. */
const ABANDONED = Symbol('abandoned');

/** Reads one file's tokens, preprocessed. */
export class Preprocessor {
  /** The macros that the file defined so far. */
  readonly macros = new Map<string, Macro>();
  private readonly scanner: Scanner;
  private readonly frames: Frame[] = [];
  /** Open conditionals whose branch is being read. */
  private readonly conditionals: { readonly open: ScriptToken; inElse: boolean }[] = [];
  private readonly pushedBack: { token: ScriptToken; scope: Scope; depth: number }[] = [];
  private scope: Scope = FILE_SCOPE;
  /** How many expansions the token that was read last came through. */
  private depth = 0;
  private skipping = false;
  private expanded = 0;
  /** Tokens that macro definitions and arguments hold. */
  private kept = 0;
  private unexpectedSeen = false;

  constructor(
    source: SourceText,
    private readonly options: PreprocessorOptions,
  ) {
    this.scanner = this.openScanner(source, options.comment);
  }

  /** Returns the next token of the script; behind the last one, `end` tokens for ever. */
  next(): ScriptToken {
    for (;;) {
      try {
        const token = this.expandedToken();
        switch (token.symbol) {
          case '':
            if (token.kind === 'end') this.closeConditionals();
            break;
          case '%(':
            this.conditional(token);
            continue;
          case '%:':
            this.otherwise(token);
            continue;
          case '%)':
            if (this.conditionals.pop()) continue;
            this.stray(token);
            continue;
          case '%?':
            this.stray(token);
            continue;
        }
        if (this.options.definitionsOnly && token.kind !== 'end') {
          this.unexpected(token);
          continue;
        }
        return token;
      } catch (error) {
        if (error !== ABANDONED) throw error;
      }
    }
  }

  /** Drops everything that was not yet read. */
  stop(): void {
    this.frames.length = 0;
    this.pushedBack.length = 0;
    this.conditionals.length = 0;
    this.scanner.skipToEnd();
  }

  /** Counts a token that is kept for an expansion. */
  private keep(token: ScriptToken, into: ScriptToken[]): void {
    this.kept += 1;
    if (this.kept > MAXIMUM_KEPT) {
      this.stop();
      this.abandon('too-large', `macros hold more than ${MAXIMUM_KEPT} tokens`, token);
    }
    into.push(token);
  }

  private openScanner(source: SourceText, comment?: (comment: Comment) => void): Scanner {
    return new Scanner(source, {
      fault: (fault, token) => {
        if (!this.skipping) this.scanFault(fault, token);
      },
      ...(comment ? { comment } : {}),
    });
  }

  private error(code: string, message: string, token: ScriptToken, extra: Parameters<typeof parseError>[3] = {}): void {
    this.options.report(parseError(code, message, token, { verb: 'at', ...extra }));
  }

  private abandon(code: string, message: string, token: ScriptToken, extra?: Parameters<typeof parseError>[3]): never {
    this.error(code, message, token, extra);
    throw ABANDONED;
  }

  private scanFault(fault: ScanFault, token: ScriptToken): void {
    const { message, hints } = SCAN_FAULTS[fault];
    // SystemTap takes the end of the file for the end of a comment; so do we, but not in silence.
    const severity = fault === 'comment' ? 'warning' : 'error';
    this.error(fault === 'junk' || fault === 'long-string' ? fault : `open-${fault}`, message, token, {
      hints,
      severity,
    });
  }

  private unexpected(token: ScriptToken): void {
    if (this.unexpectedSeen) return;
    this.unexpectedSeen = true;
    this.error('macro-file', `unexpected token in library macro file '${token.source.name}'`, token, {
      hints: ['a .stpm file holds @define constructs only'],
    });
  }

  private stray(token: ScriptToken): void {
    this.error('stray-conditional', "incomplete conditional - missing '%('", token);
  }

  // ------------------------------------------------------------------------------------------------- raw tokens

  /** The next token as written, from the innermost expansion or the file. `this.scope` tells how to read names in it. */
  private raw(): ScriptToken {
    const back = this.pushedBack.pop();
    if (back) {
      this.scope = back.scope;
      this.depth = back.depth;
      return back.token;
    }
    for (let frame = this.frames.at(-1); frame; frame = this.frames.at(-1)) {
      const token = frame.tokens[frame.at];
      if (token) {
        frame.at += 1;
        this.scope = frame.scope;
        this.depth = frame.depth;
        // What the token was part of when the macro was defined does not matter; the expansion does.
        return token.withOrigin(frame.origin);
      }
      this.frames.pop();
    }
    this.scope = FILE_SCOPE;
    this.depth = 0;
    return this.scanner.next();
  }

  private unread(token: ScriptToken): void {
    this.pushedBack.push({ token, scope: this.scope, depth: this.depth });
  }

  /** The next token after arguments and macros, before conditionals. */
  private expandedToken(): ScriptToken {
    for (;;) {
      const token = this.raw();
      if (token.kind === 'argument') {
        this.substitute(token);
        continue;
      }
      if (token.symbol.length > 1 && token.symbol.charCodeAt(0) === 0x40) {
        if (token.symbol === '@define') this.define();
        else if (!this.expand(token)) return token;
        continue;
      }
      return token;
    }
  }

  private pushFrame(
    tokens: readonly ScriptToken[],
    origin: Origin,
    scope: Scope,
    use: ScriptToken,
    depth = this.depth,
  ): void {
    this.expanded += tokens.length + 1;
    const tooMany = this.expanded > MAXIMUM_EXPANSION;
    if (tooMany || depth >= MAXIMUM_MACRO_DEPTH) {
      // Everything still to be expanded is dropped, or the message would come again.
      this.frames.length = 0;
      this.pushedBack.length = 0;
      this.expanded = 0;
      const what = tooMany ? `expand to more than ${MAXIMUM_EXPANSION} tokens` : 'are nested too deeply';
      this.abandon('macro-size', `macros ${what}`, use);
    }
    // A frame that is read to its end goes at once, so that a chain of macros holds no stack of empty ones.
    for (let top = this.frames.at(-1); top && top.at >= top.tokens.length; top = this.frames.at(-1)) this.frames.pop();
    this.frames.push({ tokens, at: 0, origin, scope, depth: depth + 1 });
  }

  // -------------------------------------------------------------------------------------------------- arguments

  private substitute(token: ScriptToken): void {
    const given = this.options.arguments;
    const which = token.text.slice(1);
    const quoted = token.text.startsWith('@');
    if (which === '#') {
      const count = String(given.length);
      this.unread(
        new ScriptToken(
          quoted ? 'string' : 'number',
          quoted ? `"${count}"` : count,
          token.source,
          token.start,
          token.end,
          token.origin,
        ),
      );
      return;
    }
    const text = given[Number(which) - 1];
    if (text === undefined) {
      const range = `[1-${given.length}]`;
      this.abandon('argument', `command line argument out of range ${range}`, token, {
        hints: [`give at least ${which} argument${which === '1' ? '' : 's'} behind the script, or test $# in %( … %)`],
      });
    }
    const source: SourceText = { name: `<argument ${which}>`, text };
    this.options.argumentSource?.(source);
    const origin: Origin = {
      kind: 'argument',
      name: token.text,
      use: token.span,
      ...(token.origin ? { outer: token.origin } : {}),
    };
    if (quoted) {
      this.pushFrame(
        [new ScriptToken('string', quote(text), source, 0, text.length, undefined)],
        origin,
        this.scope,
        token,
      );
      return;
    }
    const tokens: ScriptToken[] = [];
    const scanner = this.openScanner(source);
    for (let next = scanner.next(); next.kind !== 'end'; next = scanner.next()) {
      if (next.kind === 'argument' && next.text !== '$#' && next.text !== '@#') {
        this.abandon('nested-argument', 'invalid nested substitution of command line arguments', token);
      }
      tokens.push(next);
    }
    this.pushFrame(tokens, origin, this.scope, token);
  }

  // ----------------------------------------------------------------------------------------------------- macros

  /** `@define NAME(A, B) %( BODY %)`; the keyword was read. */
  private define(): void {
    const name = this.raw();
    if (name.kind !== 'identifier') {
      this.unread(name);
      this.skipDefinition();
      this.abandon('define-name', 'expected identifier', name);
    }
    const library = this.options.definitionsOnly === true;
    if (this.options.isBuiltin(name.text)) {
      this.error('define-builtin', `macro redefines built-in operator '@${name.text}'`, name, { severity: 'warning' });
    }
    let parameters: string[] | undefined;
    const seen = new Set<string>();
    let open = this.raw();
    if (open.symbol === '(') {
      parameters = [];
      for (;;) {
        const parameter = this.raw();
        if (parameter.kind !== 'identifier') {
          this.unread(parameter);
          this.skipDefinition();
          this.abandon('define-parameter', 'expected identifier', parameter);
        }
        if (seen.has(parameter.text)) {
          this.error('define-parameter', `duplicate parameter '${parameter.text}' of macro '@${name.text}'`, parameter);
        }
        seen.add(parameter.text);
        parameters.push(parameter.text);
        const separator = this.raw();
        if (separator.symbol === ')') break;
        if (separator.symbol !== ',') {
          this.unread(separator);
          this.skipDefinition();
          this.abandon('define-parameter', "expected ',' or ')'", separator);
        }
      }
      open = this.raw();
    }
    if (open.symbol !== '%(') {
      this.unread(open);
      this.abandon('define-body', parameters ? "expected '%('" : "expected '%(' or '('", open);
    }
    const body: ScriptToken[] = [];
    for (let depth = 1; ; ) {
      const token = this.raw();
      if (token.kind === 'end') {
        this.unread(token);
        this.abandon('define-body', "incomplete macro definition - missing '%)'", name);
      }
      if (token.symbol === '%(') depth += 1;
      else if (token.symbol === '%)') {
        depth -= 1;
        if (depth === 0) break;
      }
      this.keep(token, body);
    }
    const earlier = this.macros.get(name.text);
    if (earlier) {
      this.error('define-again', `attempt to redefine macro '@${name.text}' in the same file`, name, {
        related: [{ message: `macro '@${name.text}' first defined here`, span: earlier.definition.span }],
      });
      return;
    }
    this.macros.set(name.text, { name: name.text, parameters, body, definition: name, library });
  }

  /** Skips what is left of a definition whose head is wrong: through its body where one follows soon. */
  private skipDefinition(): void {
    const passed: ScriptToken[] = [];
    for (let count = 0; count < 20; count++) {
      const token = this.raw();
      if (token.symbol === '%(') {
        this.skipBranch(token, 'pass');
        return;
      }
      passed.push(token);
      if (token.kind === 'end' || token.kind === 'keyword' || token.symbol === '{') break;
    }
    for (const token of passed.reverse()) this.unread(token);
  }

  private findMacro(name: string): Macro | undefined {
    // A library macro's body sees the library only.
    for (let scope: Scope | undefined = this.scope; scope; scope = scope.outer) {
      if (!scope.macro) continue;
      if (scope.macro.library && !this.options.definitionsOnly) return this.options.libraryMacro?.(name);
      break;
    }
    return this.macros.get(name) ?? this.options.libraryMacro?.(name);
  }

  /** Expands `@name` where it is a parameter or a macro. */
  private expand(token: ScriptToken): boolean {
    const name = token.symbol.slice(1);
    const { scope, depth } = this;
    const parameter = scope.parameters?.get(name);
    if (parameter) {
      this.pushFrame(parameter.tokens, this.originOf(name, token, token), parameter.scope, token);
      return true;
    }
    const macro = this.findMacro(name);
    if (!macro) return false;
    for (let at: Scope | undefined = scope; at; at = at.outer) {
      if (at.macro === macro) {
        this.abandon('macro-recursion', `macro '@${name}' expands to itself`, token, {
          related: [{ message: `macro '@${name}' is defined here`, span: macro.definition.span }],
        });
      }
    }
    let last = token;
    let parameters: Map<string, Parameter> | undefined;
    if (macro.parameters) {
      parameters = new Map();
      last = this.readArguments(macro, token, macro.parameters, parameters, scope);
    }
    this.pushFrame(macro.body, this.originOf(name, token, last), { macro, parameters, outer: scope }, token, depth);
    return true;
  }

  private originOf(name: string, first: ScriptToken, last: ScriptToken): Origin {
    const place = placeBetween(first, last);
    return { kind: 'macro', name, use: place.span, ...(place.origin ? { outer: place.origin } : {}) };
  }

  /** Reads `(…, …)` behind a macro's name. */
  private readArguments(
    macro: Macro,
    use: ScriptToken,
    names: readonly string[],
    into: Map<string, Parameter>,
    scope: Scope,
  ): ScriptToken {
    const open = this.raw();
    const expected = names.length === 1 ? '1 parameter' : `${names.length} parameters`;
    if (open.symbol !== '(') {
      this.unread(open);
      this.abandon('macro-call', `expected '(' in invocation of macro '@${macro.name}' taking ${expected}`, open, {
        related: [{ message: `macro '@${macro.name}' is defined here`, span: macro.definition.span }],
      });
    }
    let tokens: ScriptToken[] = [];
    let tooMany: ScriptToken | undefined;
    let found = 0;
    for (let depth = 1; ; ) {
      const token = this.raw();
      if (token.kind === 'end') {
        this.unread(token);
        this.abandon('macro-call', 'could not find end of macro invocation', use);
      }
      if (token.symbol === '(' || token.symbol === '%(' || token.symbol === '[') depth += 1;
      else if (token.symbol === ')' || token.symbol === '%)' || (token.symbol === ']' && depth > 1)) depth -= 1;
      if (depth === 0 || (depth === 1 && token.symbol === ',')) {
        const name = names[found];
        if (name !== undefined) into.set(name, { tokens, scope });
        found += 1;
        tokens = [];
        if (depth === 0) {
          const count = `(expected ${names.length})`;
          if (tooMany) this.abandon('macro-call', `too many parameters for macro '@${macro.name}' ${count}`, tooMany);
          if (found < names.length) {
            this.abandon('macro-call', `too few parameters for macro '@${macro.name}' ${count}`, token);
          }
          return token;
        }
        if (found === names.length) tooMany ??= token;
        continue;
      }
      this.keep(token, tokens);
    }
  }

  // ----------------------------------------------------------------------------------------------- conditionals

  private closeConditionals(): void {
    const open = this.conditionals[0];
    this.conditionals.length = 0;
    if (open) this.error('open-conditional', 'incomplete conditional at end of file', open.open);
  }

  private conditional(open: ScriptToken): void {
    let holding: boolean;
    try {
      holding = this.condition(open);
    } catch (error) {
      if (error !== ABANDONED) throw error;
      this.skipBranch(open, 'pass');
      return;
    }
    if (holding || this.skipBranch(open, 'stop')) this.conditionals.push({ open, inElse: !holding });
  }

  /** `%:` behind a branch that was read: the other one is skipped. */
  private otherwise(token: ScriptToken): void {
    const open = this.conditionals.at(-1);
    if (!open) {
      this.stray(token);
      return;
    }
    if (open.inElse) {
      this.error('duplicate-else', "invalid conditional - duplicate '%:'", token);
    }
    this.conditionals.pop();
    this.skipBranch(open.open, 'duplicate');
  }

  /**
   * Skips to the end of a branch, unread but for nested conditionals.
   *
   * @param open the conditional's `%(`
   * @param atElse what a `%:` does: end it, be one too many, or be passed over after an error
   * @returns true where it ended at `%:`
   */
  private skipBranch(open: ScriptToken, atElse: 'stop' | 'duplicate' | 'pass'): boolean {
    const before = this.skipping;
    this.skipping = true;
    try {
      for (let depth = 1; ; ) {
        const token = this.raw();
        if (token.kind === 'end') {
          this.unread(token);
          this.error('open-conditional', 'incomplete conditional at end of file', open);
          return false;
        }
        if (token.symbol === '%(') depth += 1;
        else if (token.symbol === '%)') {
          depth -= 1;
          if (depth === 0) return false;
        } else if (token.symbol === '%:' && depth === 1) {
          if (atElse === 'stop') return true;
          if (atElse === 'duplicate') this.error('duplicate-else', "invalid conditional - duplicate '%:'", token);
        }
      }
    } finally {
      this.skipping = before;
    }
  }

  /** `… && … || … %?`; the conjunction binds tighter, and there are no parentheses. */
  private condition(open: ScriptToken): boolean {
    let any = false;
    let all = true;
    for (;;) {
      const comparison = this.comparison();
      all = all && comparison;
      const token = this.expandedToken();
      if (token.symbol === '&&') continue;
      any = any || all;
      if (token.symbol === '||') {
        all = true;
        continue;
      }
      if (token.symbol === '%?') return any;
      this.unread(token);
      const spaced = open.start > 0 && /[\w$)\]]/.test(open.source.text.charAt(open.start - 1));
      this.abandon('condition', "expected '%?' marker for conditional", open, spaced ? MODULO_HINT : {});
    }
  }

  private comparison(): boolean {
    const left = this.expandedToken();
    const { facts } = this.options;
    switch (left.kind) {
      case 'identifier':
        break;
      case 'string': {
        const value = this.stringOperand(left);
        const operator = this.comparisonOperator();
        const right = this.expandedToken();
        if (right.kind !== 'string') this.fail(right, 'expected string literal as right value');
        return holds(compareStrings(value, this.stringOperand(right)), operator);
      }
      case 'number':
        return this.compareNumbers(left, 1n);
      case 'operator':
        if (left.symbol === '-') return this.compareNumbers(this.expandedToken(), -1n);
        return this.fail(left, EXPECTED_OPERAND, this.mightBeModulo(left) ? MODULO_HINT : {});
      default:
        return this.fail(left, EXPECTED_OPERAND);
    }
    switch (left.text) {
      case 'kernel_v':
        return this.compareVersion(facts.kernelRelease.replace(/-.*$/s, ''));
      case 'kernel_vr':
        return this.compareVersion(facts.kernelRelease);
      case 'systemtap_v':
        return this.compareVersion(facts.systemtapVersion ?? SYSTEMTAP_VERSION);
      case 'arch':
        return this.compareName(facts.architecture);
      case 'runtime':
        return this.compareName(facts.runtime ?? 'kernel');
      case 'systemtap_privilege':
        return this.compareText(facts.privilege ?? 'stapdev');
      case 'guru_mode': {
        const at = this.expandedToken();
        if (at.symbol !== '==' && at.symbol !== '!=') this.fail(at, "expected '==' or '!='");
        const right = this.expandedToken();
        if (right.kind !== 'number') this.fail(right, 'expected number');
        const wanted = this.numberOperand(right);
        if (wanted !== 0n && wanted !== 1n) this.fail(at, 'expected 0 or 1');
        return (wanted === (facts.guru ? 1n : 0n)) === (at.symbol === '==');
      }
      default:
        if (left.text.startsWith('CONFIG_')) return this.compareConfig(left);
        return this.fail(left, EXPECTED_OPERAND, this.mightBeModulo(left) ? MODULO_HINT : this.spelling(left.text));
    }
  }

  private fail(token: ScriptToken, message: string, extra: { hints?: readonly string[] } = {}): never {
    // What belongs to the conditional's frame must not be lost to the skip that follows.
    if (token.kind === 'end' || /^%[?:()]$/.test(token.symbol)) this.unread(token);
    return this.abandon('condition', message, token, extra);
  }

  private mightBeModulo(operand: ScriptToken): boolean {
    const before = operand.source.text.slice(Math.max(0, operand.start - 40), operand.start);
    return /[\w$)\]]\s*%\(\s*$/.test(before);
  }

  private spelling(name: string): { hints?: readonly string[] } {
    const near = nearestNames(name, ['kernel_v', 'kernel_vr', 'arch', 'runtime', 'systemtap_v', 'guru_mode'], 1);
    return near.length > 0 ? { hints: [`did you mean ${near[0]}?`] } : {};
  }

  private comparisonOperator(): Comparison {
    const token = this.expandedToken();
    if (isComparison(token.symbol)) return token.symbol;
    return this.fail(token, 'expected comparison operator');
  }

  private equalityOperator(): '==' | '!=' {
    const token = this.expandedToken();
    if (token.symbol === '==' || token.symbol === '!=') return token.symbol;
    return this.fail(token, "expected '==' or '!='");
  }

  /** The value of a string operand, with adjacent literals joined as in the script. */
  private stringOperand(first: ScriptToken): string {
    let value = stringValue(first.text);
    for (;;) {
      const token = this.expandedToken();
      if (token.kind !== 'string') {
        this.unread(token);
        return value;
      }
      value += stringValue(token.text);
    }
  }

  private numberOperand(token: ScriptToken): bigint {
    const value = numberValue(token.text);
    if (value === undefined) return this.fail(token, 'number invalid or out of range');
    return BigInt(value);
  }

  private compareNumbers(first: ScriptToken, sign: bigint): boolean {
    if (first.kind !== 'number') this.fail(first, EXPECTED_OPERAND);
    const left = sign * this.numberOperand(first);
    const operator = this.comparisonOperator();
    let right = this.expandedToken();
    let rightSign = 1n;
    if (right.symbol === '-') {
      rightSign = -1n;
      right = this.expandedToken();
    }
    if (right.kind !== 'number') this.fail(right, 'expected number literal as right value');
    const value = rightSign * this.numberOperand(right);
    return holds(left < value ? -1 : left > value ? 1 : 0, operator);
  }

  private compareVersion(version: string): boolean {
    const at = this.expandedToken();
    if (!isComparison(at.symbol)) this.fail(at, 'expected comparison operator');
    const operator = at.symbol as Comparison;
    const right = this.expandedToken();
    if (right.kind !== 'string') this.fail(right, 'expected string literal');
    const wanted = this.stringOperand(right);
    if (!hasWildcard(wanted)) return holds(compareVersions(version, wanted), operator);
    if (operator === '==') return matchesWildcard(version, wanted);
    if (operator === '!=') return !matchesWildcard(version, wanted);
    return this.fail(at, 'wildcard not allowed with order comparison operators');
  }

  private compareName(value: string): boolean {
    const operator = this.equalityOperator();
    const right = this.expandedToken();
    if (right.kind !== 'string') this.fail(right, 'expected string literal');
    return matchesWildcard(value, this.stringOperand(right)) === (operator === '==');
  }

  private compareText(value: string): boolean {
    const operator = this.equalityOperator();
    const right = this.expandedToken();
    if (right.kind !== 'string') this.fail(right, 'expected string literal');
    return (value === this.stringOperand(right)) === (operator === '==');
  }

  /**
   * Compares an option of the kernel's configuration with a text, which may have wildcards, or, as SystemTap does beyond
   * its manual, in any order with a number or with another option.
   */
  private compareConfig(left: ScriptToken): boolean {
    const value = this.options.facts.config(left.text) ?? '';
    const at = this.expandedToken();
    if (!isComparison(at.symbol)) this.fail(at, 'expected comparison operator');
    const operator = at.symbol as Comparison;
    const right = this.expandedToken();
    if (right.kind === 'string') {
      const pattern = this.stringOperand(right);
      if (operator === '==') return matchesWildcard(value, pattern);
      if (operator === '!=') return !matchesWildcard(value, pattern);
      return this.fail(at, "expected '==' or '!='");
    }
    if (right.kind === 'number') {
      const number = configNumber(value);
      if (number === undefined) return this.fail(left, 'Config option value not a number');
      const wanted = this.numberOperand(right);
      return holds(number < wanted ? -1 : number > wanted ? 1 : 0, operator);
    }
    if (right.kind !== 'identifier' || !right.text.startsWith('CONFIG_')) {
      return this.fail(right, 'expected string, number literal or other CONFIG_... as right side operand');
    }
    const other = this.options.facts.config(right.text) ?? '';
    const [a, b] = [configNumber(value), configNumber(other)];
    if (a === undefined || b === undefined) return holds(compareStrings(value, other), operator);
    return holds(a < b ? -1 : a > b ? 1 : 0, operator);
  }
}

/** The number that an option is set to; 0 where it isn't set, undefined for what is no number. */
function configNumber(value: string): bigint | undefined {
  if (value === '') return 0n;
  const match = /^(-?)(0[xX][0-9a-fA-F]+|\d+)$/.exec(value);
  return match ? BigInt(match[2]!) * (match[1] ? -1n : 1n) : undefined;
}

const MODULO_HINT = { hints: ['put a space between % and ( to take a remainder: %( opens a preprocessor conditional'] };

const SCAN_FAULTS: Readonly<Record<ScanFault, { message: string; hints: readonly string[] }>> = {
  string: {
    message: 'Could not find matching closing quote',
    hints: ['a string ends on the line it begins on; adjacent strings are joined: "one " "two"'],
  },
  'long-string': {
    message: `a string has more than ${MAXIMUM_STRING} characters`,
    hints: ['MAXSTRINGLEN cuts it in any case'],
  },
  comment: { message: "Could not find matching '*/' to close the comment", hints: [] },
  'embedded-code': { message: "Could not find matching '%}' to close embedded function block", hints: [] },
  junk: {
    message: 'no token begins with this character',
    hints: ['outside strings and comments a script is written in ASCII'],
  },
};

/** A command line argument as a string token. */
function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}
