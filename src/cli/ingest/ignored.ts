import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import ignore, { type Ignore } from 'ignore'

interface Rules {
  folder: string
  rules: Ignore
}

/** Tells which files the `.gitignore` files above them, up to the repository's root, leave out. */
export class GitIgnore {
  readonly #byFolder = new Map<string, Promise<Rules[]>>()

  /** True when the deepest rule that speaks of `path` (absolute) ignores it. */
  async ignores(path: string): Promise<boolean> {
    let ignored = false
    for (const { folder, rules } of await this.#rulesOf(dirname(path))) {
      const verdict = rules.test(slashed(relative(folder, path)))
      if (verdict.ignored) ignored = true
      else if (verdict.unignored) ignored = false
    }
    return ignored
  }

  /** The rules of `folder` and of those above it, outermost first; read once a folder. */
  #rulesOf(folder: string): Promise<Rules[]> {
    const known = this.#byFolder.get(folder)
    if (known !== undefined) return known
    const rules = this.#read(folder)
    this.#byFolder.set(folder, rules)
    return rules
  }

  async #read(folder: string): Promise<Rules[]> {
    const parent = dirname(folder)
    const above = existsSync(join(folder, '.git')) || parent === folder ? [] : await this.#rulesOf(parent)
    const text = await readRules(join(folder, '.gitignore'))
    return text === null ? above : [...above, { folder, rules: ignore().add(text) }]
  }
}

async function readRules(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A folder that may not be read shows when its files are.
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR' || code === 'ENOTDIR') return null
    throw error
  }
}

/** A path with forward slashes, as patterns and stored paths have them. */
export function slashed(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/')
}
