import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { childEnvironment } from './process/index.ts'

/** For one call of git. */
const GIT_MS = 2_000
const OUTPUT_BYTES_MAX = 4_000_000
/** Not what a repository's own hooks and monitors say; its filters run, as they do for the agents that work in it. */
const HARMLESS = ['--no-optional-locks', '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null']

/** How a git repository stands. */
export interface RepositoryState {
  root: string
  /** Null before the first commit. */
  head: string | null
  /** Paths in it, from its root, that differ from the head. */
  dirty: ReadonlySet<string>
}

/** What became of a repository between two states. */
export interface RepositoryChanges {
  root: string
  /** Of what was dirty before it is not known whether it changed again. */
  files: string[]
  commits: { from: string | null; to: string } | null
}

/**
 * The repository that a directory is in; null where it is in none, which costs no process.
 *
 * @throws where git does not answer
 */
export async function readRepository(
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<RepositoryState | null> {
  const root = await rootOf(directory)
  if (root === null) return null
  const run = gitIn(root, environment)
  const [head, status] = await Promise.all([
    run(['rev-parse', '--verify', '--quiet', 'HEAD'], { mayFail: true }),
    run(['status', '--porcelain', '-z', '--no-renames', '--ignore-submodules']),
  ])
  const entries = status.split('\0').filter((entry) => entry !== '')
  return { root, head: head.trim() || null, dirty: new Set(entries.map((entry) => entry.slice(3))) }
}

/** @throws where git does not answer */
export async function changesSince(
  before: RepositoryState,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<RepositoryChanges | null> {
  const after = await readRepository(before.root, environment)
  if (after === null) return null
  const { root, head } = after
  const files = new Set([...after.dirty].filter((path) => !before.dirty.has(path)))
  if (head === null || head === before.head) return { root, files: [...files], commits: null }
  const range = before.head === null ? ['--root', head] : [before.head, head]
  const args = ['diff-tree', '-r', '-z', '--name-only', '--no-commit-id', '--no-renames', ...range]
  const committed = await gitIn(root, environment)(args)
  for (const path of committed.split('\0')) if (path !== '') files.add(path)
  return { root, files: [...files], commits: { from: before.head, to: head } }
}

/** The nearest folder above that holds a repository. */
async function rootOf(directory: string): Promise<string | null> {
  for (let folder = directory; ; folder = dirname(folder)) {
    const isRoot = await access(join(folder, '.git')).then(
      () => true,
      // Not there, or not ours to see: it is no repository of this run.
      () => false,
    )
    if (isRoot) return folder
    if (folder === dirname(folder)) return null
  }
}

function gitIn(root: string, environment: Readonly<Record<string, string | undefined>>) {
  const env = childEnvironment({ source: environment, names: [], values: { GIT_TERMINAL_PROMPT: '0' } })
  return async (args: string[], { mayFail = false } = {}): Promise<string> => {
    const { stdout } = await execa('git', [...HARMLESS, '-C', root, ...args], {
      ...{ env, extendEnv: false, stdin: 'ignore', stripFinalNewline: false, reject: !mayFail },
      ...{ timeout: GIT_MS, maxBuffer: OUTPUT_BYTES_MAX },
    })
    return stdout
  }
}
