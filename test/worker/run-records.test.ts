import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openRunRecords } from '../../src/worker/run-records.ts'

const WRITES = 200

it('a record is whole at every moment, however often it is written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-records-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const records = await openRunRecords(folder)
  await records.note('a', null)
  const torn: string[] = []
  let isWriting = true
  const look = () => {
    const text = readFileSync(join(folder, 'a.json'), 'utf8')
    if (!text.endsWith('}')) torn.push(text)
    if (isWriting) setImmediate(look)
  }
  look()
  for (let index = 1; index <= WRITES; index += 1) await records.note('a', { pid: index, started: `${index}` })
  isWriting = false
  expect(torn).toEqual([])
  await records.forget('a')
  expect(readdirSync(folder)).toEqual([])
})

it('what a worker left that was killed while it wrote a record goes after a while', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-records-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const records = await openRunRecords(folder)
  for (const name of ['old.draft', 'new.draft']) writeFileSync(join(folder, name), '{')
  const longAgo = new Date(Date.now() - 3_600_000)
  utimesSync(join(folder, 'old.draft'), longAgo, longAgo)
  expect(await records.reap()).toEqual([])
  expect(readdirSync(folder)).toEqual(['new.draft'])
})
