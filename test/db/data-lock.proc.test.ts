import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataLock, readLock } from '../../src/db/data-lock.ts'
import { type RunningScript, runScript } from '../harness/processes.ts'

let folder: string
let running: RunningScript[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-turbo-lock-'))
})

afterEach(async () => {
  for (const script of running) script.process.kill('SIGKILL')
  await Promise.all(running.map((script) => script.ended))
  running = []
  rmSync(folder, { recursive: true })
})

/** Starts `count` takers, lets them go in one moment, and returns how many took the lock. */
async function race(count: number): Promise<number> {
  const takers = Array.from({ length: count }, () => runScript('test/db/processes/take-lock.ts', [folder]))
  running.push(...takers)
  await Promise.all(takers.map((taker) => taker.said('ready')))
  writeFileSync(join(folder, 'go'), '')
  const outcomes = await Promise.all(
    takers.map((taker) =>
      Promise.race([taker.said('taken').then(() => 'taken'), taker.said('locked').then(() => 'locked')]),
    ),
  )
  return outcomes.filter((outcome) => outcome === 'taken').length
}

describe('of several processes that want one data folder', () => {
  it('exactly one gets it', async () => {
    expect(await race(8)).toBe(1)
  })

  it('exactly one takes it over from an owner that was killed', async () => {
    const owner = runScript('test/db/processes/take-lock.ts', [folder])
    running.push(owner)
    writeFileSync(join(folder, 'go'), '')
    await owner.said('taken')
    expect(readLock(folder)).toMatchObject({ pid: owner.process.pid })
    expect(() => DataLock.take(folder, () => undefined)).toThrow(`process ${owner.process.pid}`)
    owner.process.kill('SIGKILL')
    await owner.ended
    expect(readLock(folder)).toBeNull()
    rmSync(join(folder, 'go'))
    expect(await race(8)).toBe(1)
  })
})
