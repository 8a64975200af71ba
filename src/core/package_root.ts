import * as path from 'node:path';

/** The folder of the package, from its compiled files. */
export const PACKAGE_ROOT = path.resolve(__dirname, '../../..');
