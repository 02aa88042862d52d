export * from './elaborated.js';
export * from './symbol-source.js';
