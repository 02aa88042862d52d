// The stream of preprocessed tokens of one file, and everything else that belongs to the reading of that file: its
// diagnostics, its limits, and what the caller allowed. Grammar objects hold no state; they find it through the token.
import type { Diagnostic, SourceText } from '@stapkit/pass';
import { MAXIMUM_ERRORS, MAXIMUM_TOKENS, parseError } from '../diagnostics.js';
import { Preprocessor, type PreprocessorOptions } from './preprocessor.js';
import { findTokenBeyond } from './scanner.js';
import { ScriptToken, type TokenSupply } from './token.js';

/** What a stream is told beside what its preprocessor is told. */
export interface TokenStreamOptions extends Omit<PreprocessorOptions, 'report'> {
  /** Whether embedded C may be used: in tapset files, and in the user's with `-g`. */
  readonly embeddedCode: boolean;
}

/** Reads one file. */
export class TokenStream implements TokenSupply {
  readonly diagnostics: Diagnostic[] = [];
  readonly preprocessor: Preprocessor;
  pulled = 0;
  /** Height of the tree that was built last; see `Reader`. */
  height = 0;
  /** Names of the globals and aliases declared so far, for messages about duplicates. */
  readonly globals = new Map<string, ScriptToken>();
  /** Those of the globals that are private. */
  readonly privates = new Set<string>();
  /** Where the last failure was. */
  failedAt: ScriptToken | undefined = undefined;
  private errors = 0;
  private faulted = false;
  /** The token that was handed out last. */
  last: ScriptToken | undefined = undefined;

  constructor(
    readonly source: SourceText,
    readonly options: TokenStreamOptions,
  ) {
    this.preprocessor = new Preprocessor(source, {
      ...options,
      report: (diagnostic) => {
        this.report(diagnostic);
        this.faulted = this.faulted || diagnostic.severity === 'error';
      },
    });
  }

  /** True once so many errors were found that reading on is of no use. */
  get exhausted(): boolean {
    return this.errors >= MAXIMUM_ERRORS;
  }

  pull(): ScriptToken {
    if (this.last?.kind === 'end') return this.last;
    let token = this.pulled === 0 ? this.first() : this.preprocessor.next();
    while (token.kind === 'junk') token = this.exhausted ? this.endAt(token) : this.preprocessor.next();
    if (this.pulled === MAXIMUM_TOKENS && token.kind !== 'end') {
      this.reportTooLarge(token);
      token = this.endAt(token);
    }
    this.pulled += 1;
    token.ordinal = this.pulled;
    token.supply = this;
    token.afterFault = this.faulted;
    this.faulted = false;
    this.last = token;
    return token;
  }

  /** The first token. Of a text that is too large nothing is read: that would take long, and help nobody. */
  private first(): ScriptToken {
    const beyond = findTokenBeyond(this.source, MAXIMUM_TOKENS);
    if (beyond === undefined) return this.preprocessor.next();
    this.reportTooLarge(beyond);
    return this.endAt(beyond);
  }

  private reportTooLarge(token: ScriptToken): void {
    this.report(
      parseError('too-large', `the script has more than ${MAXIMUM_TOKENS} tokens`, token, {
        verb: 'at',
        hints: ['split it into several files: each file may have so many'],
      }),
    );
    this.faulted = true;
  }

  private endAt(token: ScriptToken): ScriptToken {
    this.preprocessor.stop();
    return new ScriptToken('end', '', token.source, token.start, token.start, token.origin);
  }

  /** Takes a diagnostic; errors beyond the limit are counted, not kept. */
  report(diagnostic: Diagnostic): void {
    if (diagnostic.severity === 'error') {
      this.errors += 1;
      if (this.errors > MAXIMUM_ERRORS) return;
    }
    this.diagnostics.push(diagnostic);
    if (diagnostic.severity === 'error' && this.errors === MAXIMUM_ERRORS) {
      this.diagnostics.push({
        code: 'parser/too-many-errors',
        severity: 'note',
        class: 'parse',
        message: `more than ${MAXIMUM_ERRORS} errors in ${this.source.name}; the rest of it was not read`,
      });
    }
  }
}
