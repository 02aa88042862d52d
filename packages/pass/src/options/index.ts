// @stapkit/pass/options: how all programs read their command lines, by the tables that their manuals are made from.
export { type GetOptionsSettings, type GotOptions, getOptions, optionKey } from './get-options.js';
