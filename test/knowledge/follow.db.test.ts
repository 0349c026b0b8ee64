import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { createKnowledge, type Knowledge } from '../../src/knowledge/index.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { eventually } from '../harness/knowledge.ts'
import { type StandIn, startStandIn } from './embedders/stand-ins.ts'

const apiKey = 'the-key-of-the-first-server'
const log = createLog({ level: 'silent' })

let world: TestDatabase
/** The server that the store starts with, which the key belongs to, and the one it is switched to. */
let first: StandIn
let second: StandIn
const processes: Knowledge[] = []

beforeAll(async () => {
  world = await testDatabase()
})

beforeEach(async () => {
  ;[first, second] = await Promise.all([
    startStandIn('openai', { model: 'first-model' }),
    startStandIn('openai', { model: 'second-model' }),
  ])
})

afterEach(async () => {
  await Promise.all(processes.splice(0).map((knowledge) => knowledge.stop()))
  await Promise.all([first.stop(), second.stop()])
  await world.db.query(sql`truncate agent_knowledge, embedding_spaces cascade`)
})

afterAll(() => world.drop())

/** A process that is configured for the first server, or for none in particular and knows the key all the same. */
async function start(isConfigured: boolean): Promise<Knowledge> {
  const embedder = isConfigured
    ? ({ kind: 'openai', url: first.url, model: 'first-model', apiKey } as const)
    : undefined
  const knowledge = await createKnowledge({ db: world.db, log, embedder, embedderAccess: { url: first.url, apiKey } })
  processes.push(knowledge)
  await knowledge.start()
  return knowledge
}

async function switchToSecond(knowledge: Knowledge): Promise<void> {
  await knowledge.useEmbeddings({ kind: 'openai', url: second.url, model: 'second-model' })
  await eventually(async () => expect((await knowledge.embeddings()).reembedding?.phase).toBe('switched'))
}

const ask = (knowledge: Knowledge, query: string) => knowledge.query({ query, mode: 'vector' })

it('a process that is configured for no embedder follows the store to another one', async () => {
  const configured = await start(true)
  await configured.add({ content: 'Granite is quarried in the north.' })
  const follower = await start(false)
  expect((await ask(follower, 'granite quarried')).results).toHaveLength(1)
  await switchToSecond(configured)
  // Until it has noticed, the space before answers, whose vectors are kept for that.
  let asked = 0
  await eventually(async () => {
    asked += 1
    const { results, degraded } = await ask(follower, `granite quarried ${asked}`)
    expect([results.length, degraded]).toEqual([1, undefined])
    expect(second.requests.flatMap(({ texts }) => texts)).toContain(`granite quarried ${asked}`)
  })
  const added = await follower.add({ content: 'Slate is split in the west.' })
  expect(added.embedding).toBe('ready')
})

it('a process that is configured for one stays with it, and says that the store has another', async () => {
  const configured = await start(true)
  await configured.add({ content: 'Granite is quarried in the north.' })
  const other = await start(true)
  expect((await ask(other, 'granite quarried')).degraded).toBeUndefined()
  await switchToSecond(configured)
  await eventually(async () => expect((await other.health()).embedder.reachable).toBe(false))
  const { results, degraded } = await other.query({ query: 'where is granite' })
  expect([results.length, degraded]).toEqual([1, ['space_mismatch']])
})

it('the key goes to the server that it is configured for and to no other', async () => {
  const configured = await start(true)
  await configured.add({ content: 'Granite is quarried in the north.' })
  await switchToSecond(configured)
  const follower = await start(false)
  expect((await ask(follower, 'who splits slate')).degraded).toBeUndefined()
  const keys = (server: StandIn) => [...new Set(server.requests.map(({ authorization }) => authorization))]
  expect([keys(first), keys(second)]).toEqual([[`Bearer ${apiKey}`], [undefined]])
})
