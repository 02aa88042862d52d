export * from './built-module.js';
