// The types of the package for ESM: those of index.d.ts.
export * from './index.js';
import * as oaic from './index.js';
export default oaic;
