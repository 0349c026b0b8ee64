import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DataLock, readLock } from '../../src/db/data-lock.ts'
import { isEarlierBoot, type Place, processStart, thisPlace } from '../../src/db/process-identity.ts'

let folder: string
const locks: DataLock[] = []

function take(): DataLock {
  const lock = DataLock.take(folder, () => undefined)
  locks.push(lock)
  return lock
}

/** Changes the record of the lock that is there, as another owner would have written it. */
function rewrite(changes: Record<string, unknown>): string {
  const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.json'))
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }))
  return path
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-turbo-lock-'))
})

afterEach(() => {
  for (const lock of locks.splice(0)) lock.release()
  rmSync(folder, { recursive: true })
})

describe('a data folder', () => {
  it('has one owner, whom the refusal names with its address', () => {
    const lock = take()
    expect(take).toThrow(`in use by process ${process.pid}`)
    lock.setUrl('http://127.0.0.1:8780')
    expect(readLock(folder)).toMatchObject({ pid: process.pid, url: 'http://127.0.0.1:8780' })
    expect(take).toThrow('http://127.0.0.1:8780')
  })

  it('is free again once it is released, any number of times', () => {
    for (let i = 0; i < 5; i++) {
      const lock = take()
      lock.release()
      lock.release()
      expect(readLock(folder)).toBeNull()
    }
    expect(readdirSync(folder)).toHaveLength(1)
  })

  it('that does not exist has no owner', () => {
    expect(readLock(join(folder, 'nothing'))).toBeNull()
  })

  it('of a process id that now belongs to another process is taken over', () => {
    take()
    rewrite({ pid: process.ppid, processStart: '1' })
    expect(readLock(folder)).toBeNull()
    expect(take).not.toThrow()
  })

  it('of a live process with the same start is not', () => {
    take()
    rewrite({ pid: process.ppid, processStart: processStart(process.ppid) })
    expect(take).toThrow(`process ${process.ppid}`)
  })

  it('of another host is taken over only after a minute of silence', () => {
    take()
    const path = rewrite({ place: { ...thisPlace(), hostname: 'elsewhere' }, hostname: 'elsewhere', pid: 1 })
    expect(take).toThrow('process 1 on elsewhere')
    const old = new Date(Date.now() - 61_000)
    utimesSync(path, old, old)
    expect(take).not.toThrow()
  })

  const host: Place = {
    hostname: 'a',
    machineId: '0123456789abcdef0123456789abcdef',
    bootId: 'first',
    pidNamespace: 'pid:[4026531836]',
  }
  const rebooted = { ...host, bootId: 'second' }

  it('of this host before it was booted again is free at once', () => {
    expect(isEarlierBoot(host, rebooted)).toBe(true)
    expect(isEarlierBoot(host, host)).toBe(false)
  })

  it.each<[string, Partial<Place>]>([
    ['another name', { hostname: 'b' }],
    ['a container', { pidNamespace: 'pid:[4026532701]' }],
    ['no machine id', { machineId: null }],
    ['a machine id that is none', { machineId: 'uninitialized' }],
    ['an unknown boot', { bootId: null }],
  ])('of a place that may be another host is not: %s', (_name, changes) => {
    expect(isEarlierBoot({ ...host, ...changes }, { ...rebooted, ...changes, hostname: 'a' })).toBe(false)
  })

  it('with a lock that cannot be read says which file to look at', () => {
    take()
    const path = rewrite({})
    writeFileSync(path, 'not json')
    expect(take).toThrow('cannot be read')
  })
})
