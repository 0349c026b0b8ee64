import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TurboError } from '../../src/base/errors.ts'
import { skipBackoff, WAIT_MS, type WorkerWorld, workerWorld } from '../harness/workers.ts'

let world: WorkerWorld

beforeEach(async () => {
  world = await workerWorld()
})

afterEach(() => world.drop())

const fileIn = (name: string) => join(world.folder, name)
/** Where this host's workers note their runs. */
const runs = () => fileIn(`worker/runs/${hostname()}`)
const appears = (name: string) =>
  vi.waitFor(() => expect(existsSync(fileIn(name))).toBe(true), { timeout: WAIT_MS, interval: 20 })
const spooled = () => readdirSync(fileIn('worker/spool'))
/** Says that it runs and goes on until the file `go` is there. */
const gated = (name: string) => `touch on-${name}; while [ ! -e go ]; do sleep 0.05; done; echo ${name}`

describe('a worker', () => {
  it('runs what waits and what is added, with its result, and leaves nothing behind', async () => {
    const before = await world.add('echo before')
    const worker = await world.worker()
    const { workerId, platforms } = await worker.start()
    expect(platforms).toEqual(['command'])
    expect(await world.reaches(before, 'completed')).toMatchObject({
      outputData: { text: 'before\n', platform: 'command' },
      assignedWorkerId: workerId,
      attempts: [{ outcome: 'completed', exitCode: 0, failureClass: null, workerId, pid: process.pid }],
    })
    await world.reaches(await world.add('echo after'), 'completed')
    await vi.waitFor(() => expect([spooled(), readdirSync(runs())]).toEqual([[], []]))
    expect(await world.db.query(sql`select * from task_leases`)).toEqual([])
  })

  it('runs as many at once as it may, and no more', async () => {
    const ids: string[] = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) ids.push(await world.add(gated(name)))
    await (await world.worker({ concurrency: 3 })).start()
    await Promise.all(['a', 'b', 'c'].map((name) => appears(`on-${name}`)))
    const states = await Promise.all(ids.map(async (id) => (await world.orchestrator.tasks.get(id)).status))
    expect(states).toEqual(['running', 'running', 'running', 'pending', 'pending'])
    writeFileSync(fileIn('go'), '')
    await Promise.all(ids.map((id) => world.reaches(id, 'completed')))
  })

  it('tries a failed task again, and tells its last words when it has failed for good', async () => {
    const taskId = await world.add('echo the cause >&2; exit 3', { maxRetries: 1 })
    await (await world.worker()).start()
    expect(await world.reaches(taskId, 'pending')).toMatchObject({ retryCount: 0 })
    await vi.waitFor(async () => expect((await world.orchestrator.tasks.get(taskId)).retryCount).toBe(1), WAIT_MS)
    await skipBackoff(world.db)
    const task = await world.reaches(taskId, 'failed')
    expect(task.errorMessage).toBe('ended with exit code 3: the cause')
    expect(task.attempts.map(({ failureClass, exitCode }) => [failureClass, exitCode])).toEqual([
      ['crashed', 3],
      ['crashed', 3],
    ])
  })

  it('fails a task at once that could not begin on any worker', async () => {
    await (await world.worker()).start()
    const wrong = await world.add('', { inputData: { argv: 'ls' } })
    expect((await world.reaches(wrong, 'failed')).errorMessage).toContain('input_data.argv')
    const nowhere = await world.add('', { inputData: { argv: ['ls'], cwd: '/no/such/folder' } })
    expect(await world.reaches(nowhere, 'failed')).toMatchObject({
      retryCount: 1,
      attempts: [{ failureClass: 'invalid_input' }],
    })
  })

  it('ends a run that is cancelled, and one that takes too long', async () => {
    await (await world.worker({ leaseSeconds: 5 })).start()
    const cancelled = await world.add('touch on-c; exec sleep 600')
    await appears('on-c')
    await world.orchestrator.tasks.cancel(cancelled)
    expect((await world.reaches(cancelled, 'cancelled')).attempts).toMatchObject([{ failureClass: 'cancelled' }])
    const slow = await world.add('exec sleep 600', { timeoutSeconds: 1, maxRetries: 0 })
    expect((await world.reaches(slow, 'failed')).attempts).toMatchObject([
      { outcome: 'timed_out', failureClass: 'timeout' },
    ])
  })

  it('runs what needs its capabilities, and leaves what needs more to say so', async () => {
    await (await world.worker({ capabilities: ['docker', 'gpu'] })).start()
    await world.reaches(await world.add('echo drawn', { requiredCapabilities: ['gpu'] }), 'completed')
    const more = await world.add('echo never', { requiredCapabilities: ['gpu', 'tpu'] })
    // It stands before this one in the queue.
    await world.reaches(await world.add('echo plain'), 'completed')
    expect(await world.orchestrator.tasks.get(more)).toMatchObject({
      status: 'pending',
      whyWaiting: [
        {
          reason: 'no_worker',
          detail: 'none of the 1 workers seen in the last minute has platform command, capabilities gpu, tpu',
        },
      ],
    })
    const { workers } = await world.orchestrator.workers.list()
    expect(workers).toMatchObject([{ capabilities: ['docker', 'gpu'] }])
  })

  it('is listed with what it found, until it has stopped', async () => {
    const worker = await world.worker({ concurrency: 7, roles: ['tester'] })
    const { workerId } = await worker.start()
    const listed = async () => (await world.orchestrator.workers.list()).workers
    expect(await listed()).toMatchObject([
      {
        ...{ workerId, status: 'active', concurrency: 7, roles: ['tester'], platforms: ['command'], running: 0 },
        programs: [{ platform: 'command', isInstalled: true, version: null, loggedIn: 'unknown' }],
      },
    ])
    await worker.stop()
    await worker.stop()
    expect(await listed()).toMatchObject([{ workerId, status: 'stopped' }])
    const again = await worker.start()
    expect(again.workerId).not.toBe(workerId)
    await world.reaches(await world.add('echo again', { assignedToRole: 'tester' }), 'completed')
  })
})

describe('a worker that is stopped', () => {
  it('lets runs end within its grace, claims nothing meanwhile, and hands back the rest at no cost', async () => {
    const quick = await world.add('touch on-quick; sleep 1; echo quick')
    const endless = await world.add('touch on-endless; exec sleep 600')
    const worker = await world.worker({ drainGraceMs: 3_000 })
    await worker.start()
    await Promise.all([appears('on-quick'), appears('on-endless')])
    const stopping = worker.stop()
    const late = await world.add('echo late')
    await stopping
    expect(await world.orchestrator.tasks.get(quick)).toMatchObject({ status: 'completed' })
    expect(await world.orchestrator.tasks.get(endless)).toMatchObject({
      ...{ status: 'pending', retryCount: 0, infraRetryCount: 0, runAfter: null },
      attempts: [{ outcome: 'released' }],
    })
    expect(await world.orchestrator.tasks.get(late)).toMatchObject({ status: 'pending', attemptCount: 0 })
  })

  it('on request takes the time that its runs need, and then ends', async () => {
    const taskId = await world.add(gated('drained'))
    const worker = await world.worker()
    const { workerId } = await worker.start()
    await appears('on-drained')
    expect(await world.orchestrator.workers.drain(workerId)).toMatchObject({ status: 'draining', running: 1 })
    const late = await world.add('echo late')
    writeFileSync(fileIn('go'), '')
    await worker.ended
    expect(await world.orchestrator.tasks.get(taskId)).toMatchObject({ status: 'completed' })
    expect(await world.orchestrator.tasks.get(late)).toMatchObject({ status: 'pending' })
    await expect(world.orchestrator.workers.drain('nobody/00000000')).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('a worker that has lost its task', () => {
  it('ends the run, and its late report changes nothing', async () => {
    const taskId = await world.add('touch on-lost; trap "" INT TERM; while :; do sleep 0.1; done')
    await (await world.worker({ leaseSeconds: 5, concurrency: 1 })).start()
    await appears('on-lost')
    const [{ pid = 0 } = {}] = await runsOf()
    await world.db.query(sql`delete from task_leases`)
    await world.db.query(sql`update agent_tasks set status = 'completed', output_data = '{"by": "another"}'`)
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), WAIT_MS)
    await vi.waitFor(async () => {
      const [attempt] = (await world.orchestrator.tasks.get(taskId)).attempts
      expect(attempt).toMatchObject({ outcome: 'fenced' })
    }, WAIT_MS)
    const [event, ...more] = await world.db.query<{ actionDescription: string; outputData: object }>(sql`
      select action_description, output_data from agent_actions where action_type = 'attempt_fenced'`)
    expect([event?.outputData, more]).toMatchObject([{ end: 'fenced', attempt: 1 }, []])
    expect(await world.orchestrator.tasks.get(taskId)).toMatchObject({ outputData: { by: 'another' } })
  })

  it('keeps a result aside that nobody takes any more', async () => {
    await world.add(gated('late'))
    await (await world.worker()).start()
    await appears('on-late')
    await world.db.query(sql`update agent_tasks set status = 'cancelled'`)
    writeFileSync(fileIn('go'), '')
    await vi.waitFor(() => {
      const [name = ''] = readdirSync(fileIn('worker/salvage'))
      expect(readFileSync(join(fileIn('worker/salvage'), name), 'utf8')).toContain('late')
    }, WAIT_MS)
    await vi.waitFor(() => expect(spooled()).toEqual([]))
  })

  it('ends the run by itself, before its lease does, when it cannot renew it', async () => {
    await world.add('touch on-cut; exec sleep 600')
    const away = async () => Promise.reject(new TurboError('unavailable', 'cut off'))
    const claimedAt = performance.now()
    await (
      await world.worker({ leaseSeconds: 3 }, (services) => ({
        ...services,
        queue: { ...services.queue, heartbeat: away },
      }))
    ).start()
    await appears('on-cut')
    const [{ pid = 0 } = {}] = await runsOf()
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: WAIT_MS, interval: 20 })
    expect(performance.now() - claimedAt).toBeLessThan(3_500)
  })
})

describe('what a run says', () => {
  it('is in the log of its task while it runs, and a reader goes on where it was', async () => {
    const { taskLog } = world.orchestrator
    const taskId = await world.add('echo one; while [ ! -e go ]; do sleep 0.05; done; echo two; exit 3', {
      maxRetries: 1,
    })
    await (await world.worker()).start()
    await vi.waitFor(async () => {
      expect((await taskLog.list(taskId, {})).entries).toMatchObject([
        { attemptNumber: 1, seq: 1, kind: 'text', body: 'one\n' },
      ])
    }, WAIT_MS)
    writeFileSync(fileIn('go'), '')
    await vi.waitFor(async () => expect((await world.orchestrator.tasks.get(taskId)).retryCount).toBe(1), WAIT_MS)
    const rest = await taskLog.list(taskId, { cursor: '1.1' })
    expect(rest).toMatchObject({ entries: [{ attemptNumber: 1, seq: 2, body: 'two\n' }], nextCursor: '1.2' })
    await skipBackoff(world.db)
    await world.reaches(taskId, 'failed')
    const again = await taskLog.list(taskId, { cursor: '1.2' })
    expect(again).toMatchObject({ entries: [{ attemptNumber: 2, seq: 1, body: 'one\ntwo\n' }], nextCursor: '2.1' })
    expect(await taskLog.list(taskId, { cursor: '2.1' })).toEqual({ entries: [], nextCursor: '2.1' })
    await expect(taskLog.list('none', {})).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('what a run did', () => {
  const trail = () =>
    world.db.query(sql`
      select task_id, session_id, success, output_data, changed_files, commands_executed
      from agent_actions where action_type = 'attempt_trail' order by executed_at`)
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: world.folder, encoding: 'utf8' })

  it('is in the audit trail: the command, the files, the commits, and no secret', async () => {
    git('init', '--quiet')
    writeFileSync(fileIn('.gitignore'), 'worker\n')
    git('add', '.')
    git('commit', '--quiet', '--message', 'first')
    const from = git('rev-parse', 'HEAD').trim()
    writeFileSync(fileIn('old'), 'dirty before')
    const script = [
      'echo 1 > committed && git add committed && git -c user.name=t -c user.email=t@t commit --quiet -m second',
      'echo 2 > "left" && echo 3 > PASSWORD=hunter2222',
      ': --password hunter2222',
    ].join('; ')
    await (await world.worker()).start()
    const taskId = await world.add(script)
    await world.reaches(taskId, 'completed')
    expect(await trail()).toEqual([
      {
        ...{ taskId, sessionId: null, success: true, changedFiles: ['PASSWORD=[redacted]', 'committed', 'left'] },
        commandsExecuted: [`sh -c ${script.replaceAll('hunter2222', '[redacted]')}`],
        outputData: {
          ...{ attempt: 1, outcome: 'completed', worker: expect.stringContaining('/') },
          commits: { from, to: git('rev-parse', 'HEAD').trim() },
        },
      },
    ])
    const { valid } = await world.orchestrator.audit.verify({})
    expect(valid).toBe(true)
  })

  it('is written down where there is no repository, and of a run that failed', async () => {
    await (await world.worker()).start()
    const taskId = await world.add('exit 1', { maxRetries: 0 })
    await world.reaches(taskId, 'failed')
    expect(await trail()).toMatchObject([
      {
        taskId,
        success: false,
        changedFiles: [],
        commandsExecuted: ['sh -c exit 1'],
        outputData: { outcome: 'failed' },
      },
    ])
  })
})

describe('a result', () => {
  it('that nobody takes is offered until somebody does, and its task stays where it is', async () => {
    const taskId = await world.add('echo kept')
    let refusals = 3
    await (
      await world.worker({}, (services) => ({
        ...services,
        queue: {
          ...services.queue,
          finish: async (input) => {
            if (refusals-- > 0) throw new TurboError('unavailable', 'cut off')
            return services.queue.finish(input)
          },
        },
      }))
    ).start()
    expect(await world.reaches(taskId, 'completed')).toMatchObject({ attemptCount: 1, outputData: { text: 'kept\n' } })
    await vi.waitFor(() => expect(spooled()).toEqual([]))
  })

  it('is written down once, however often it is sent', async () => {
    const taskId = await world.add('echo once')
    await (
      await world.worker({}, (services) => ({
        ...services,
        queue: {
          ...services.queue,
          finish: async (input) => {
            await services.queue.finish(input)
            return services.queue.finish(input)
          },
        },
      }))
    ).start()
    await world.reaches(taskId, 'completed')
    await vi.waitFor(() => expect(spooled()).toEqual([]))
    const fenced = await world.db.query(sql`select from agent_actions where action_type = 'attempt_fenced'`)
    expect(fenced).toEqual([])
    expect(await world.orchestrator.tasks.get(taskId)).toMatchObject({ attempts: [{ outcome: 'completed' }] })
  })

  it('has no secrets in it, and nothing that cannot be stored', async () => {
    const taskId = await world.add('printf "a\\0b API_KEY=abcdefgh12345678\\n"')
    await (await world.worker()).start()
    const { outputData } = await world.reaches(taskId, 'completed')
    expect(outputData?.text).toBe('a\ufffdb API_KEY=[redacted]\n')
  })
})

/** The programs of this world's runs. */
async function runsOf(): Promise<{ pid: number }[]> {
  const names = () => readdirSync(runs())
  return vi.waitFor(() => {
    const records = names().map((name) => JSON.parse(readFileSync(join(runs(), name), 'utf8')))
    if (records.length === 0 || records.some(({ program }) => program === null)) throw new Error('not started yet')
    return records.map(({ program }) => program)
  }, WAIT_MS)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    // There is none of this id.
    return false
  }
}
