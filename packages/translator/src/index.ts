export * from './c-module.js';
