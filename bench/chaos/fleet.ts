import { type RunningScript, runScript } from '../../test/harness/processes.ts'

export interface FleetOptions {
  url: string
  folder: string
  size: number
  concurrency: number
  leaseSeconds: number
  plant: string
}

interface Member {
  script: RunningScript
  state: 'starting' | 'running' | 'frozen' | 'gone'
}

/** Worker processes, of which there are always as many: one that ends is followed by another. */
export class Fleet {
  readonly #options: FleetOptions
  readonly #members = new Set<Member>()
  #isStopping = false
  /** What workers said that ended by themselves, which is how they answer a server that is away when they start. */
  readonly brokenOff: string[] = []

  constructor(options: FleetOptions) {
    this.#options = options
    for (let index = 0; index < options.size; index += 1) this.#add()
  }

  /** Those that claim tasks. */
  get running(): Member[] {
    return [...this.#members].filter(({ state }) => state === 'running')
  }

  get isStopping(): boolean {
    return this.#isStopping
  }

  kill(member: Member): void {
    member.state = 'gone'
    member.script.process.kill('SIGKILL')
  }

  /** Stops one in the middle of what it does, for so long. */
  freeze(member: Member, forMs: number): void {
    member.state = 'frozen'
    member.script.process.kill('SIGSTOP')
    setTimeout(() => this.#thaw(member), forMs)
  }

  /** Asks all of them to end, and waits until they have. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const left = [...this.#members]
    for (const member of left) {
      this.#thaw(member)
      if (member.state !== 'starting') member.script.process.kill('SIGTERM')
      else member.script.process.kill('SIGKILL')
    }
    await Promise.all(left.map(({ script }) => script.ended))
  }

  /** For the end of a run that has failed: nothing outlives it. */
  abandon(): void {
    this.#isStopping = true
    for (const { script } of this.#members) script.process.kill('SIGKILL')
  }

  #thaw(member: Member): void {
    if (member.state !== 'frozen') return
    member.script.process.kill('SIGCONT')
    member.state = 'running'
  }

  #add(): void {
    const { url, folder, concurrency, leaseSeconds, plant } = this.#options
    const args = [url, folder, String(concurrency), String(leaseSeconds), plant]
    const member: Member = { script: runScript('bench/chaos/worker.ts', args), state: 'starting' }
    this.#members.add(member)
    member.script.said('started').then(
      () => {
        if (member.state === 'starting') member.state = 'running'
      },
      // It is followed by another one below.
      () => undefined,
    )
    void member.script.ended.then(({ stderr }) => {
      if (member.state !== 'gone' && !this.#isStopping) this.brokenOff.push(stderr)
      this.#members.delete(member)
      if (!this.#isStopping) this.#add()
    })
  }
}
