import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { probe } from '../../src/worker/probe.ts'
import { membersOf } from '../../src/worker/process/group.ts'
import { type Run, type RunOptions, startRun } from '../../src/worker/run.ts'
import type { Runner, RunRequest } from '../../src/worker/runners/index.ts'
import type { Usage } from '../../src/worker/usage.ts'
import { INSTALL_TIMEOUT_MS, PLANTED_SECRETS } from './agents.ts'

/** What the world around a run does. */
export type Situation = 'answers' | 'hangs' | 'refuses_login'

/** Where a run takes place. */
export interface Stage {
  environment: Record<string, string>
  cwd: string
  program: string
  request?: Partial<RunRequest>
  /** Resolves when a run has come to the point where it hangs. */
  hanging(): Promise<void>
  stop(): Promise<void>
}

export interface Conformant {
  runner: Runner
  /** What the answer is; the same in each run. */
  text: string
  /** Null for a runner that tells none. */
  usage: Partial<Usage> | null
  hasSession: boolean
  /** Null for a program that is not asked. */
  version: RegExp | null
  /** Undefined for a runner without an account. */
  loggedOut?: 'no' | 'unknown'
  set(situation: Situation): Promise<Stage>
  /** Once, before everything. */
  prepare?(): Promise<unknown>
}

const PROMPT = 'a prompt that nobody else can read'
let serial = 0

/** Starts a run on a stage that is taken down when the run has ended. */
export async function runOn(stage: Stage, runner: Runner, change: Partial<RunOptions> = {}): Promise<Run> {
  const run = await startRun({
    ...{
      runner,
      runId: `conformance-${process.pid}-${serial++}`,
      environment: stage.environment,
      program: stage.program,
    },
    ...change,
    request: { prompt: PROMPT, cwd: stage.cwd, permission: 'edit', ...stage.request, ...change.request },
  })
  void run.ended.then(() => stage.stop())
  return run
}

/** What every runner must do, whatever program it runs. */
export function describeRunner({
  runner,
  text,
  usage,
  hasSession,
  version,
  loggedOut,
  set,
  prepare,
}: Conformant): void {
  const name = runner.platform
  describe(`${name} runner`, () => {
    beforeAll(async () => {
      await prepare?.()
    }, INSTALL_TIMEOUT_MS)

    it(`${name}: a run that answers is ok, with its text, its session and what it cost`, async () => {
      const seen: string[] = []
      const run = await runOn(await set('answers'), runner, { onEvent: ({ kind }) => seen.push(kind) })
      const outcome = await run.ended
      expect(outcome).toMatchObject({
        end: { endClass: 'ok' },
        process: { exitCode: 0, stopReason: null, isExitForced: false },
      })
      expect(outcome.text.trim()).toBe(text)
      expect(seen).toContain('text')
      if (hasSession) expect(outcome.sessionId).toMatch(/^[\w-]{8,}$/)
      if (usage === null) expect(outcome.usage).toMatchObject({ models: [], costUsd: null, costBasis: 'unknown' })
      else expect(outcome.usage).toMatchObject(usage)
    })

    it(`${name}: a run has no secrets but its own, no prompt on its command line, and ends with all its processes when cancelled`, async () => {
      const stage = await set('hangs')
      const run = await runOn(stage, runner, { runId: `cancelled-${name}` })
      await stage.hanging()
      const { pid } = run.identity
      const environ = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      run.stop('cancelled', 5_000)
      expect(await run.ended).toMatchObject({ end: { endClass: 'cancelled' } })
      expect(await membersOf(pid, `cancelled-${name}`)).toEqual([])
      expect(environ.some((entry) => entry.startsWith('PATH='))).toBe(true)
      for (const secret of PLANTED_SECRETS)
        expect(environ.filter((entry) => entry.startsWith(`${secret}=`))).toEqual([])
      expect(environ.join()).not.toContain('planted-secret')
      expect(commandLine).not.toContain(PROMPT)
    })

    it(`${name}: a run that takes too long ends as that`, async () => {
      const stage = await set('hangs')
      const run = await runOn(stage, runner, { limits: { timeoutMs: 4_000, stopWithinMs: 4_000 } })
      expect(await run.ended).toMatchObject({ end: { endClass: 'timeout' }, process: { stopReason: 'timeout' } })
    })

    it(`${name}: a request for what it does not have is refused before anything runs`, async () => {
      const all = {
        model: 'm',
        effort: 'low',
        tools: ['Read'],
        turnsMax: 1,
        budgetUsd: 1,
        schema: {},
        argv: ['a'],
        script: 'a',
      }
      const refused = Object.entries({ ...all, resumeSessionId: 's' }).filter(
        ([part]) => !runner.takes.some((own) => own === part),
      )
      expect(refused.length).toBeGreaterThan(0)
      const request = { prompt: PROMPT, cwd: '/', permission: 'edit' } as const
      const options = { runner, runId: 'refused', environment: {}, program: 'no-such-program' }
      for (const [part, value] of refused) {
        const start = startRun({ ...options, request: { ...request, [part]: value } })
        await expect(start).rejects.toMatchObject({ code: 'invalid_input', errors: [{ pointer: `/${part}` }] })
      }
      const leak = startRun({ ...options, request: { ...request, env: { DATABASE_URL: 'x' } } })
      await expect(leak).rejects.toMatchObject({ code: 'invalid_input', errors: [{ pointer: '/env' }] })
    })

    it(`${name}: its probe says what is installed, and that it has no login`, async () => {
      const stage = await set('answers')
      const { PATH = '', HOME = '' } = stage.environment
      const found = await probe(runner, { PATH, HOME }, stage.program)
      await stage.stop()
      expect(found).toMatchObject({ platform: name, isInstalled: true, loggedIn: loggedOut ?? 'unknown' })
      if (version === null) return expect(found.version).toBeNull()
      expect(found.version).toMatch(version)
      const missing = await probe(runner, { PATH, HOME }, 'no-such-program')
      expect(missing).toMatchObject({ isInstalled: false, version: null })
    })

    if (loggedOut === undefined) return

    it(`${name}: a run without a valid login ends as that`, async () => {
      const run = await runOn(await set('refuses_login'), runner)
      expect(await run.ended).toMatchObject({ end: { endClass: 'auth' } })
    })
  })
}
