import pg from 'pg'
import type { Installation } from './installation.ts'

const user = 'postgres'
const password = 'agent-turbo'

/** How a server goes down: `fast` rolls back and ends connections, `immediate` is a crash. */
export type StopMode = 'fast' | 'immediate'

/** One PostgreSQL server for tests, with a data directory of its own. */
export class TestServer {
  readonly name: string
  readonly port: number
  readonly #installation: Installation

  constructor(installation: Installation, name: string, port: number) {
    this.#installation = installation
    this.name = name
    this.port = port
  }

  /** Makes the data directory and starts the server. `settings` are `name=value` of postgresql.conf. */
  static async create(installation: Installation, name: string, settings: string[]): Promise<TestServer> {
    const server = new TestServer(installation, name, await installation.freePort())
    await server.remove()
    const folder = server.#folder
    await installation.run(['mkdir', '-p', folder])
    await installation.run(['sh', '-c', `printf %s "$1" > "$2"`, 'sh', password, `${folder}/password`])
    await installation.run([
      'initdb',
      `--pgdata=${folder}/data`,
      `--username=${user}`,
      `--pwfile=${folder}/password`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
    ])
    await server.#configure(settings)
    await server.start()
    return server
  }

  get #folder(): string {
    return `/tmp/agent-turbo-postgres-${this.name}`
  }

  get #data(): string {
    return `${this.#folder}/data`
  }

  /** Connection string of the database `name`. */
  url(name = 'postgres'): string {
    return `postgres://${user}:${password}@127.0.0.1:${this.port}/${name}`
  }

  async #configure(settings: string[]): Promise<void> {
    const lines = [
      `port = ${this.port}`,
      `listen_addresses = '${this.#installation.listenAddress}'`,
      `unix_socket_directories = '${this.#folder}'`,
      ...settings,
    ]
    await this.#installation.run([
      'sh',
      '-c',
      `printf '%s\n' "$2" >> "$1"`,
      'sh',
      `${this.#data}/postgresql.conf`,
      lines.join('\n'),
    ])
    if (this.#installation.listenAddress === '*') {
      const line = 'host all all all scram-sha-256\nhost replication all all scram-sha-256'
      await this.#installation.run(['sh', '-c', `printf '%s\n' "$2" >> "$1"`, 'sh', `${this.#data}/pg_hba.conf`, line])
    }
  }

  async start(): Promise<void> {
    await this.#control('start', '-w', '-l', `${this.#folder}/log`)
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#control('stop', '-w', '-m', mode)
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  /** Makes a standby writable. */
  async promote(): Promise<void> {
    await this.#control('promote', '-w')
  }

  /** A streaming standby of this server, running. */
  async createStandby(name: string): Promise<TestServer> {
    const standby = new TestServer(this.#installation, name, await this.#installation.freePort())
    await standby.remove()
    await this.#installation.run(['mkdir', '-p', standby.#folder])
    const source = `host=127.0.0.1 port=${this.port} user=${user} password=${password}`
    await this.#installation.run([
      'pg_basebackup',
      '-d',
      source,
      '-D',
      standby.#data,
      '-R',
      '-X',
      'stream',
      '-c',
      'fast',
    ])
    await standby.#configure([])
    await standby.start()
    return standby
  }

  /** True when it answers. */
  async answers(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.url(), connectionTimeoutMillis: 2_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return true
    } catch {
      return false
    } finally {
      client.end().catch(() => undefined)
    }
  }

  /** Stops the server and removes its data. */
  async remove(): Promise<void> {
    await this.stop('immediate').catch(() => undefined)
    await this.#installation.run(['rm', '-rf', this.#folder])
  }

  async #control(...rest: string[]): Promise<void> {
    await this.#installation.run(['pg_ctl', ...rest, '-s', '-D', this.#data])
  }
}
