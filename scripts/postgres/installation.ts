import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chrootInstallation } from './chroot.ts'

const runFile = promisify(execFile)

/** A place where the programs of PostgreSQL (15 or newer, with pgvector) can be run. */
export interface Installation {
  kind: 'local' | 'docker' | 'chroot'
  /** Runs a program of PostgreSQL, or a tool such as `rm`, as a user that may own a data directory. */
  run(argv: string[], environment?: Record<string, string>): Promise<void>
  /** The address that a server listens on to be reached at 127.0.0.1. */
  listenAddress: string
  /** A port for one more server. */
  freePort(): Promise<number>
}

const dockerImage = 'pgvector/pgvector:pg17'
const dockerContainer = 'agent-turbo-test-postgres'
const dockerPortsMax = 8
const majorMin = 15

/** Looks for what this machine has: a local installation, Docker, else a small Debian in a folder (Linux, as root). */
export async function findInstallation(): Promise<Installation> {
  const found = localInstallation() ?? (await dockerInstallation()) ?? (await chrootInstallation(freeLoopbackPort))
  if (found !== null) return found
  throw new Error(
    'no PostgreSQL with pgvector found: set TEST_DATABASE_URL, install pgvector, start Docker, or run as root on Linux',
  )
}

/** Runs a program, with its output in the error when it fails. */
export async function execute(argv: string[], environment: Record<string, string> = {}): Promise<string> {
  const [program = '', ...rest] = argv
  try {
    const { stdout } = await runFile(program, rest, {
      env: { ...process.env, ...environment },
      cwd: '/',
      maxBuffer: 64 * 1024 * 1024,
    })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${argv.join(' ')} failed:\n${`${stdout}${stderr}`.slice(-4_000)}`, { cause: error })
  }
}

/** A loopback port that nobody listens on now. */
export function freeLoopbackPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

function localInstallation(): Installation | null {
  const home = localHomes().find(({ share }) => existsSync(join(share, 'extension', 'vector.control')))
  if (home === undefined) return null
  // The server refuses to run as root; every package creates the user postgres.
  const user = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--'] : []
  return {
    kind: 'local',
    listenAddress: '127.0.0.1',
    freePort: freeLoopbackPort,
    run: async ([program = '', ...rest], environment) => {
      const path = join(home.bin, program)
      await execute([...user, existsSync(path) ? path : program, ...rest], environment)
    },
  }
}

/** Debian and Homebrew keep one folder a major version; newest first. */
function localHomes(): { bin: string; share: string }[] {
  const debian = versions('/usr/lib/postgresql', /^(\d+)$/).map((major) => ({
    bin: `/usr/lib/postgresql/${major}/bin`,
    share: `/usr/share/postgresql/${major}`,
  }))
  const homebrew = ['/opt/homebrew', '/usr/local'].flatMap((prefix) =>
    versions(`${prefix}/opt`, /^postgresql@(\d+)$/).map((major) => ({
      bin: `${prefix}/opt/postgresql@${major}/bin`,
      share: `${prefix}/share/postgresql@${major}`,
    })),
  )
  return [...debian, ...homebrew]
}

function versions(folder: string, pattern: RegExp): number[] {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names
    .flatMap((name) => pattern.exec(name)?.slice(1) ?? [])
    .map(Number)
    .filter((major) => major >= majorMin)
    .sort((a, b) => b - a)
}

/** One container holds every server; its ports are published when it is made. */
async function dockerInstallation(): Promise<Installation | null> {
  const usable = await execute(['docker', 'info', '--format', '{{.ServerVersion}}']).catch(() => null)
  if (usable === null) return null
  const running = await execute(['docker', 'ps', '-q', '-f', `name=^${dockerContainer}$`])
  if (running.trim() === '') {
    const ports = await Promise.all(Array.from({ length: dockerPortsMax }, freeLoopbackPort))
    const published = ports.flatMap((port) => ['-p', `127.0.0.1:${port}:${port}`])
    await execute([
      'docker',
      'run',
      '-d',
      '--rm',
      '--name',
      dockerContainer,
      ...published,
      dockerImage,
      'sleep',
      'infinity',
    ])
  }
  const listed = await execute(['docker', 'port', dockerContainer])
  const ports = [...new Set(listed.match(/^\d+(?=\/tcp)/gm) ?? [])].map(Number)
  return {
    kind: 'docker',
    listenAddress: '*',
    freePort: async () => {
      // A published port is bound by Docker itself; a server behind it accepts a connection only when one runs.
      for (const port of ports) {
        const taken = await execute([
          'docker',
          'exec',
          dockerContainer,
          'pg_isready',
          '-q',
          '-h',
          '127.0.0.1',
          '-p',
          String(port),
        ])
          .then(() => true)
          .catch(() => false)
        if (!taken) return port
      }
      throw new Error(`all ${dockerPortsMax} ports of the container ${dockerContainer} are taken`)
    },
    run: async (argv, environment = {}) => {
      const variables = Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`])
      await execute(['docker', 'exec', '-u', 'postgres', ...variables, dockerContainer, ...argv])
    },
  }
}
