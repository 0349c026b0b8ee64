import { readFileSync } from 'node:fs'

/** The version of this package, from its package.json: two folders up both from `src/base` and from `dist/base`. */
export const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
