import { redactText } from '../base/redact.ts'
import type { AttemptTrail } from '../orchestrator/index.ts'
import type { RepositoryChanges } from './repository.ts'
import type { RunEvent, RunRequest } from './runners/index.ts'

const COMMANDS_MAX = 200
const COMMAND_CHARS_MAX = 2_000
const FILES_MAX = 1_000
const PATH_CHARS_MAX = 1_000

/** Tools of the agents that write files, by their names in lower case. */
const WRITING = new Set([
  ...['write', 'edit', 'multiedit', 'notebookedit', 'patch', 'apply_patch'],
  ...['write_file', 'replace', 'file_change', 'delete'],
])
const PATH_FIELDS = ['file_path', 'filePath', 'notebook_path', 'absolute_path', 'path']

/** What a run did, from what it told; the first of very much, with how much more there was. */
export class TrailRecorder {
  readonly #commands: string[] = []
  readonly #files = new Set<string>()
  #commandCount = 0

  /** @param request of a plain program: the command that it is */
  constructor({ argv, script }: Pick<RunRequest, 'argv' | 'script'>) {
    if (argv !== undefined) this.#ran(argv.join(' '))
    if (script !== undefined) this.#ran(script)
  }

  add(event: RunEvent): void {
    if (event.kind !== 'tool') return
    const command = commandIn(event)
    if (command !== null) this.#ran(command)
    if (!WRITING.has(event.name.toLowerCase())) return
    for (const path of pathsIn(event.input)) if (this.#files.size <= FILES_MAX) this.#files.add(path)
  }

  /** With what the repository shows that the run worked in; null where it shows nothing. */
  trail(changes: RepositoryChanges | null): AttemptTrail {
    const root = changes === null ? '' : `${changes.root}/`
    const told = [...this.#files].map((path) => (root !== '' && path.startsWith(root) ? path.slice(root.length) : path))
    const files = [...new Set([...told, ...(changes?.files ?? [])])].sort()
    return {
      changedFiles: files.slice(0, FILES_MAX).map((path) => beginning(path, PATH_CHARS_MAX)),
      commandsExecuted: this.#commands,
      leftOut: Math.max(files.length - FILES_MAX, 0) + this.#commandCount - this.#commands.length,
      commits: changes?.commits ?? null,
    }
  }

  #ran(command: string): void {
    this.#commandCount += 1
    if (this.#commands.length < COMMANDS_MAX) this.#commands.push(beginning(command, COMMAND_CHARS_MAX))
  }
}

/** Redacted before it is cut: half a secret is not known for one. */
function beginning(text: string, chars: number): string {
  return redactText(text).slice(0, chars)
}

/** Shell tools are called differently by every agent; what they run is a `command`, or all that they are given. */
function commandIn({ name, input }: Extract<RunEvent, { kind: 'tool' }>): string | null {
  const given = name === 'command_execution' ? input : (input as { command?: unknown } | null | undefined)?.command
  const isWords = Array.isArray(given) && given.every((word) => typeof word === 'string')
  return isWords ? given.join(' ') : typeof given === 'string' && given !== '' ? given : null
}

function pathsIn(input: unknown): string[] {
  if (Array.isArray(input)) return input.flatMap(pathsIn)
  if (typeof input !== 'object' || input === null) return []
  const path = PATH_FIELDS.map((field) => (input as Record<string, unknown>)[field]).find(
    (value) => typeof value === 'string' && value !== '',
  )
  return path === undefined ? [] : [path as string]
}
