import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { openSpool, SPOOL_POINTS, type SpoolPoint } from '../../src/worker/spool.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-turbo-spool-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const unreachable = () => Promise.reject(new Error('nobody is there'))
const one = { attemptId: 'one', result: { text: 'done', cost: 1.5 } }

describe('a result', () => {
  it('is on the disk when it is sent, and gone when it was acknowledged', async () => {
    const spool = await openSpool({ folder })
    let during: string[] = []
    await spool.deliver(one, async () => {
      during = readdirSync(folder)
    })
    expect(during).toEqual(['one.json'])
    expect(readdirSync(folder)).toEqual([])
  })

  it('passes the points in order, and is synced with its folder before it is sent', async () => {
    const passed: (SpoolPoint | 'send')[] = []
    const spool = await openSpool({ folder, at: async (point) => void passed.push(point) })
    await spool.deliver(one, async () => void passed.push('send'))
    expect(passed.filter((point) => point !== 'send')).toEqual(SPOOL_POINTS)
    expect(passed.indexOf('send')).toBe(passed.indexOf('folder_synced') + 1)
  })

  it('that was not acknowledged stays, and is replayed as it was', async () => {
    const spool = await openSpool({ folder })
    await expect(spool.deliver(one, unreachable)).rejects.toThrow('nobody is there')
    const sent: unknown[] = []
    const next = await openSpool({ folder })
    expect(await next.replay(async (spooled) => void sent.push(spooled))).toBe(1)
    expect(sent).toEqual([one])
    expect(await next.replay(unreachable)).toBe(0)
  })

  it('delivered by another worker meanwhile is none to worry about', async () => {
    const spool = await openSpool({ folder })
    await spool.deliver(one, async () => rmSync(join(folder, 'one.json')))
    expect(readdirSync(folder)).toEqual([])
  })

  it('with an id that would be another path is refused', async () => {
    const spool = await openSpool({ folder })
    const outside = spool.deliver({ attemptId: '../one', result: 1 }, async () => undefined)
    await expect(outside).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('a replay', () => {
  it('goes from the oldest to the newest, and stops where nobody takes it', async () => {
    const spool = await openSpool({ folder })
    for (const [index, attemptId] of ['c', 'a', 'b'].entries()) {
      await expect(spool.deliver({ attemptId, result: 0 }, unreachable)).rejects.toThrow()
      utimesSync(join(folder, `${attemptId}.json`), 1_000 + index, 1_000 + index)
    }
    const sent: string[] = []
    const takesOne = async ({ attemptId }: { attemptId: string }) => {
      if (sent.length === 1) throw new Error('gone again')
      sent.push(attemptId)
    }
    await expect(spool.replay(takesOne)).rejects.toThrow('gone again')
    await spool.replay(async ({ attemptId }) => void sent.push(attemptId))
    expect(sent).toEqual(['c', 'a', 'b'])
  })

  it('leaves out what was never finished, and puts aside what a disk has damaged', async () => {
    const spool = await openSpool({ folder })
    writeFileSync(join(folder, 'torn.json.123'), '{"attempt')
    writeFileSync(join(folder, 'old.json.123'), '{"attempt')
    utimesSync(join(folder, 'old.json.123'), 1_000, 1_000)
    writeFileSync(join(folder, 'bad.json'), '{"attempt')
    writeFileSync(join(folder, 'other.json'), '{"attemptId":"another"}')
    expect(await spool.replay(unreachable)).toBe(0)
    expect(readdirSync(folder).sort()).toEqual(['bad.json.damaged', 'other.json.damaged', 'torn.json.123'])
  })
})

describe('a spool that cannot be written', () => {
  it('is not opened, and says what to do', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    await expect(openSpool({ folder: file })).rejects.toMatchObject({
      code: 'unavailable',
      next: expect.stringContaining(file),
    })
  })

  it('sends nothing, and lets no work be claimed', async () => {
    const inner = join(folder, 'inner')
    const spool = await openSpool({ folder: inner })
    rmSync(inner, { recursive: true })
    let wasSent = false
    const delivery = spool.deliver(one, async () => {
      wasSent = true
    })
    await expect(delivery).rejects.toMatchObject({ code: 'unavailable' })
    expect(wasSent).toBe(false)
    writeFileSync(inner, 'in its place')
    await expect(spool.checkWritable()).rejects.toMatchObject({ code: 'unavailable' })
    rmSync(inner)
    await spool.checkWritable()
  })
})

test('nobody but the user of the worker can read it', async () => {
  const inner = join(folder, 'inner')
  const spool = await openSpool({ folder: inner })
  await expect(spool.deliver(one, unreachable)).rejects.toThrow()
  expect(statSync(inner).mode & 0o777).toBe(0o700)
  expect(statSync(join(inner, 'one.json')).mode & 0o777).toBe(0o600)
})
