import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PLANTED_SECRETS, runnerOf } from './agents.ts'
import { type Conformant, describeRunner, runOn, type Situation, type Stage } from './conformance.ts'
import { CURSOR_RECORDED } from './runners/cursor-recorded.ts'

/** A folder with a program `agent` in it; `said` resolves when the program has made the file `hangs`. */
function stageOf(script: string, request: Stage['request'] = {}): Stage {
  const cwd = mkdtempSync(join(tmpdir(), 'agent-turbo-program-'))
  const program = join(cwd, 'agent')
  writeFileSync(program, `#!/bin/sh\n${script}`, { mode: 0o755 })
  const secrets = Object.fromEntries(PLANTED_SECRETS.map((name) => [name, 'planted-secret']))
  return {
    ...{ cwd, program, request },
    environment: { PATH: process.env.PATH ?? '', ...secrets },
    hanging: () => expect.poll(() => readFileSync(join(cwd, 'hangs'), 'utf8'), { timeout: 20_000 }).toBe('yes'),
    stop: async () => rmSync(cwd, { recursive: true, force: true }),
  }
}

const HANGING = 'printf yes > hangs; sleep 600'

const scripts: Record<Situation, string> = { answers: 'echo done', hangs: HANGING, refuses_login: 'exit 1' }

const plain: Omit<Conformant, 'runner' | 'set'> = { text: 'done', usage: null, hasSession: false, version: null }

describeRunner({
  ...plain,
  runner: runnerOf('command'),
  set: async (situation) => {
    const stage = stageOf(scripts[situation])
    return { ...stage, request: { argv: [stage.program] } }
  },
})

describeRunner({
  ...plain,
  runner: runnerOf('shell'),
  set: async (situation) => ({ ...stageOf('', { script: scripts[situation] }), program: 'sh' }),
})

/** A stand-in that answers as Cursor's agent does by its documentation: the real one is in no package registry. */
function cursorScript(situation: Situation): string {
  const answers = CURSOR_RECORDED.answer.map((event) => `echo '${JSON.stringify(event)}'`).join('\n')
  const login = 'echo "Not logged in. Run cursor-agent login or set CURSOR_API_KEY." >&2; exit 1'
  const run = { answers, hangs: HANGING, refuses_login: login }[situation]
  return `case "$1" in --version) echo 2026.10.01-abc123;; status) echo "Not logged in";; *) cat > prompt\n${run};; esac`
}

describeRunner({
  runner: runnerOf('cursor'),
  text: 'hello there',
  usage: null,
  hasSession: true,
  version: /^2026\.10/,
  loggedOut: 'no',
  set: async (situation) => stageOf(cursorScript(situation)),
})

describe('a command', () => {
  const command = runnerOf('command')

  it('gets its arguments as they are, whatever a shell would read in them', async () => {
    const argv = ['printf', '%s|', '$HOME', '`id`', 'a b', '; exit 3', '*']
    const run = await runOn(stageOf('', { argv }), command)
    expect(await run.ended).toMatchObject({ end: { endClass: 'ok' }, text: '$HOME|`id`|a b|; exit 3|*|\n' })
  })

  it('that fails tells its exit code and its last words', async () => {
    const run = await runOn(stageOf('', { argv: ['sh', '-c', 'echo partial; echo the cause >&2; exit 3'] }), command)
    const { end, text } = await run.ended
    expect(end).toEqual({ endClass: 'crashed', detail: 'ended with exit code 3: the cause', resetsAt: null })
    expect(text).toBe('partial\n')
  })

  it('that is not there cannot be started', async () => {
    const stage = stageOf('', { argv: ['no-such-program'] })
    await expect(runOn(stage, command)).rejects.toMatchObject({ code: 'unavailable' })
    await stage.stop()
  })

  it('without a program is refused', async () => {
    const stage = stageOf('', { argv: [] })
    await expect(runOn(stage, command)).rejects.toMatchObject({ errors: [{ pointer: '/input_data/argv' }] })
    await stage.stop()
  })

  it('has the variables of its task', async () => {
    const run = await runOn(stageOf('', { argv: ['sh', '-c', 'echo $COLOUR'], env: { COLOUR: 'green' } }), command)
    expect(await run.ended).toMatchObject({ text: 'green\n' })
  })
})

describe('an agent whose CLI keeps no limits', () => {
  it('is stopped when it has used up its turns', async () => {
    const turn = `echo '${JSON.stringify(CURSOR_RECORDED.answer[2])}'`
    const endless = `cat > prompt; while :; do ${turn}; sleep 0.05; done`
    const run = await runOn(stageOf(endless, { turnsMax: 3 }), runnerOf('cursor'), { limits: { stopWithinMs: 2_000 } })
    expect(await run.ended).toMatchObject({ end: { endClass: 'budget' }, process: { stopReason: 'budget' } })
  })
})

describe('an agent that stays after its result', () => {
  it('is made to go, and has succeeded', async () => {
    const lines = CURSOR_RECORDED.answer.map((event) => `echo '${JSON.stringify(event)}'`).join('\n')
    const run = await runOn(stageOf(`cat > prompt\n${lines}\nsleep 600`), runnerOf('cursor'), {
      limits: { exitGraceMs: 200 },
    })
    expect(await run.ended).toMatchObject({
      end: { endClass: 'ok' },
      text: 'hello there',
      process: { isExitForced: true },
    })
  })
})

describe('an agent that is interrupted', () => {
  it('may tell that it failed, which is the echo of our stopping it', async () => {
    const echo = JSON.stringify({
      type: 'result',
      subtype: 'error',
      is_error: true,
      result: 'interrupted: usage limit',
    })
    const script = `trap "echo '${echo.replaceAll('"', '\\"')}'; exit 1" INT\ncat > prompt\nprintf yes > hangs\nsleep 600 & wait`
    const stage = stageOf(script)
    const run = await runOn(stage, runnerOf('cursor'))
    await stage.hanging()
    run.stop('cancelled')
    const outcome = await run.ended
    expect(outcome.process.stdout.head).toContain('interrupted')
    expect(outcome.end.endClass).toBe('cancelled')
  })
})
