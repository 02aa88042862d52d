// Which versions --compatible takes. SystemTap 4.8 was tried with each, and with its own version in place of ours.
import { expect, test } from 'vitest';
import { checkCompatible } from '../src/compatible.js';
import { LANGUAGE_VERSION } from '../src/version.js';

test('versions of the past and the present are taken, whatever they look like', () => {
  for (const version of [undefined, '', '0.1', '1.8', '3.x', '4', '4.8', '4.8.1', '-1', LANGUAGE_VERSION]) {
    expect(() => checkCompatible(version), String(version)).not.toThrow();
  }
});

test('versions of the future are refused, and words, which come after numbers', () => {
  for (const version of [`${LANGUAGE_VERSION}.1`, '5.10', '6', '10.0', 'abc']) {
    expect(() => checkCompatible(version)).toThrow(
      `systemtap version ${LANGUAGE_VERSION} cannot be compatible with future version ${version}`,
    );
  }
});
