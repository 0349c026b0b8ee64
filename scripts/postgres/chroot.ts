import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute, type Installation } from './installation.ts'

/** The folder of the small Debian; about 700 MB, made in under a minute. */
const rootDefault = '/opt/agent-turbo-postgres'
const suite = 'trixie'
const packages = ['postgresql-17', 'postgresql-17-pgvector']
const attemptsMax = 4

/**
 * PostgreSQL of Debian 13 in a folder of its own, entered by chroot: for Linux machines without a server that has
 * pgvector and without Docker. Needs root and apt. `null` where that is not given.
 */
export async function chrootInstallation(freePort: () => Promise<number>): Promise<Installation | null> {
  const root = process.env.AGENT_TURBO_TEST_POSTGRES_ROOT ?? rootDefault
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null
  if (!existsSync(root)) {
    if (!existsSync('/usr/bin/apt-get')) return null
    await bootstrap(root)
  }
  await bindMounts(root)
  const [major = ''] = readdirSync(join(root, 'usr/lib/postgresql'))
  const inside = ['chroot', root, 'runuser', '-u', 'postgres', '--']
  return {
    kind: 'chroot',
    listenAddress: '127.0.0.1',
    freePort,
    run: async ([program = '', ...rest], environment) => {
      const path = `/usr/lib/postgresql/${major}/bin/${program}`
      await execute([...inside, existsSync(join(root, path)) ? path : program, ...rest], environment)
    },
  }
}

/** Made beside and renamed, so that an interrupted run leaves nothing that looks finished. */
async function bootstrap(root: string): Promise<void> {
  const unfinished = `${root}.new`
  if (!existsSync('/usr/sbin/debootstrap')) {
    await retry(async () => {
      await execute(['apt-get', 'update'])
      await execute(['apt-get', 'install', '-y', 'debootstrap'], { DEBIAN_FRONTEND: 'noninteractive' })
    })
  }
  await retry(async () => {
    rmSync(unfinished, { recursive: true, force: true })
    await execute(['debootstrap', '--variant=minbase', `--include=${packages.join(',')}`, suite, unfinished])
  })
  renameSync(unfinished, root)
}

/** Package mirrors fail now and then; the next attempt usually gets through. */
async function retry(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === attemptsMax) throw error
      console.error(`attempt ${attempt} of ${attemptsMax} failed, trying again`)
    }
  }
}

async function bindMounts(root: string): Promise<void> {
  const mounted = new Set(
    readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1]),
  )
  for (const folder of ['proc', 'dev']) {
    const target = join(root, folder)
    if (!mounted.has(target)) await execute(['mount', '--bind', `/${folder}`, target])
  }
}
