import { once } from 'node:events'
import { createColors } from 'picocolors'
import { toWire } from '../base/wire.ts'

export type Style = ReturnType<typeof createColors>

/** How results are shown to a person: colours (or none) and the columns that fit in a line. */
export interface View {
  style: Style
  width: number
}

/** Columns where the output is no terminal, or one that does not say. */
const WIDTH_DEFAULT = 100
const WIDTH_MIN = 40

export interface TerminalOptions {
  json: boolean
  stdout?: NodeJS.WriteStream
  stderr?: NodeJS.WriteStream
}

/** Standard output for results, standard error for everything else. */
export class Terminal {
  readonly isJson: boolean
  readonly view: View
  readonly #stdout: NodeJS.WriteStream
  readonly #stderr: NodeJS.WriteStream

  constructor({ json, stdout = process.stdout, stderr = process.stderr }: TerminalOptions) {
    this.isJson = json
    this.#stdout = stdout
    this.#stderr = stderr
    this.view = { style: styleFor(stdout), width: Math.max(stdout.columns ?? WIDTH_DEFAULT, WIDTH_MIN) }
  }

  /** Colours of standard error. */
  get noteStyle(): Style {
    return styleFor(this.#stderr)
  }

  /** True where a progress bar can be drawn. */
  get isInteractive(): boolean {
    return this.#stderr.isTTY === true && !this.isJson
  }

  /** A result: as JSON in the shape of the wire with `--json`, else as `render` shows it. */
  async result<T extends object>(value: T, render: (value: T, view: View) => string): Promise<void> {
    await this.print(this.isJson ? JSON.stringify(toWire(value)) : render(value, this.view))
  }

  /** One or more lines of standard output; resolves when it can take more. */
  async print(text: string): Promise<void> {
    if (!this.#stdout.write(`${text}\n`)) await once(this.#stdout, 'drain')
  }

  /** A remark for the person at the terminal; programs, which read `--json`, get none. */
  note(text: string): void {
    if (!this.isJson) this.#stderr.write(`${text}\n`)
  }

  /** Why the command failed. */
  error(text: string): void {
    this.#stderr.write(`${text}\n`)
  }
}

/** picocolors alone would also colour what runs in CI and is read from a file. */
function styleFor(stream: NodeJS.WriteStream): Style {
  return createColors(stream.isTTY === true && createColors().isColorSupported)
}
