import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import { unavailable } from './errors.ts'
import type { DatabaseLog, ListenHandlers } from './executor.ts'
import { Lane } from './lane.ts'
import type { Session } from './session.ts'

const backoffMsMin = 50
const backoffMsMax = 5_000
/** How often the connection notifies itself, and how long that may take: a half-open socket looks healthy otherwise. */
const selfTestEveryMs = 10_000
const selfTestMs = 5_000

/**
 * One connection that listens for a whole process. It reconnects by itself to whichever host is writable, listens again
 * and tells its handlers that they may have missed something.
 */
export class Listener {
  readonly #connect: () => Promise<Session>
  readonly #log: DatabaseLog
  readonly #handlers = new Map<string, Set<ListenHandlers>>()
  readonly #selfChannel = `agent_turbo_self_${randomBytes(6).toString('hex')}`
  readonly #abort = new AbortController()
  /** The connection takes one command at a time. */
  readonly #lane = new Lane({ waitersMax: 100, waitMs: selfTestMs * 2 })
  #session: Session | null = null
  #connecting: Promise<void> | null = null
  #onSelfTest: (() => void) | null = null

  constructor(connect: () => Promise<Session>, log: DatabaseLog) {
    this.#connect = connect
    this.#log = log
  }

  /** See `Database.listen`. @throws TurboError `unavailable` when the connection cannot be made now */
  async listen(channel: string, handlers: ListenHandlers): Promise<() => Promise<void>> {
    assert(/^[a-z_][a-z0-9_]{0,62}$/.test(channel), 'a channel is a plain identifier')
    await this.#ready()
    const set = this.#handlers.get(channel) ?? new Set()
    set.add(handlers)
    this.#handlers.set(channel, set)
    try {
      await this.#command(`listen ${channel}`)
    } catch (error) {
      this.#remove(channel, handlers)
      throw error
    }
    handlers.onState?.(true)
    return async () => {
      if (this.#remove(channel, handlers)) await this.#command(`unlisten ${channel}`).catch(() => undefined)
    }
  }

  /** Ends the connection and every reconnecting. */
  async stop(): Promise<void> {
    this.#abort.abort()
    this.#handlers.clear()
    await this.#connecting?.catch(() => undefined)
    await this.#session?.client.end()
    this.#session = null
  }

  /** Forgets `handlers`; true when nobody listens to `channel` any more. */
  #remove(channel: string, handlers: ListenHandlers): boolean {
    const set = this.#handlers.get(channel)
    if (!set?.delete(handlers) || set.size > 0) return false
    return this.#handlers.delete(channel)
  }

  #ready(): Promise<void> {
    if (this.#session !== null) return Promise.resolve()
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = null
    })
    return this.#connecting
  }

  async #command(text: string): Promise<void> {
    await this.#lane.run(async () => {
      if (this.#session === null) throw unavailable(undefined)
      await this.#session.command(text)
    })
  }

  async #open(): Promise<void> {
    const session = await this.#connect()
    const { client } = session
    try {
      client.on('notification', ({ channel, payload = '' }) => this.#receive(channel, payload))
      const channels = [this.#selfChannel, ...this.#handlers.keys()]
      await session.command(channels.map((channel) => `listen ${channel}`).join('; '))
      await this.#selfTest(session)
      if (this.#abort.signal.aborted) throw unavailable(undefined)
    } catch (error) {
      client.end()
      throw error
    }
    this.#session = session
    client.once('end', () => this.#lost(session))
    if (session.broken) return this.#lost(session)
    void this.#keepTesting(session)
  }

  #receive(channel: string, payload: string): void {
    if (channel === this.#selfChannel) this.#onSelfTest?.()
    for (const handlers of this.#handlers.get(channel) ?? []) handlers.onNotify(payload)
  }

  #lost(session: Session): void {
    if (this.#session !== session) return
    this.#session = null
    if (this.#abort.signal.aborted) return
    this.#log('notifications lost', {}, 'warn')
    for (const handlers of this.#everyone()) handlers.onState?.(false)
    this.#connecting ??= this.#reconnect().finally(() => {
      this.#connecting = null
    })
    // The loop ends by success or by stop().
    this.#connecting.catch(() => undefined)
  }

  async #reconnect(): Promise<void> {
    for (let waitMs = backoffMsMin; ; waitMs = Math.min(waitMs * 2, backoffMsMax)) {
      // Spread over half of the wait, so that a fleet does not return to a restarted server in one moment.
      await sleep(waitMs * (0.5 + Math.random() / 2), undefined, { signal: this.#abort.signal, ref: false })
      try {
        await this.#open()
        break
      } catch (error) {
        this.#log('notifications still down', { reason: messageOf(error) }, 'warn')
      }
    }
    for (const handlers of this.#everyone()) {
      handlers.onState?.(true)
      handlers.onGap()
    }
  }

  #everyone(): ListenHandlers[] {
    return [...this.#handlers.values()].flatMap((set) => [...set])
  }

  async #keepTesting(session: Session): Promise<void> {
    while (this.#session === session) {
      try {
        await sleep(selfTestEveryMs, undefined, { signal: this.#abort.signal, ref: false })
        await this.#lane.run(() => this.#selfTest(session))
      } catch {
        // Stopped, or not heard: ending the connection leads to #lost, which reconnects and says so.
        return void session.client.end()
      }
    }
  }

  /** Notifies itself. A pooler in transaction mode swallows it, a dead network does not answer: both throw. */
  async #selfTest(session: Session): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#onSelfTest = resolve
        timer = setTimeout(
          () => reject(unavailable(undefined, 'the database connection does not deliver notifications')),
          selfTestMs,
        )
        session.command(`notify ${this.#selfChannel}`).catch(reject)
      })
    } finally {
      this.#onSelfTest = null
      clearTimeout(timer)
    }
  }
}
