import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toWire } from '../../../src/base/wire.ts'
import { countTokens } from '../../../src/knowledge/index.ts'
import { type Facts, Fitter } from '../../../src/orchestrator/landing/fit.ts'
import { plain } from '../../../src/orchestrator/landing/text.ts'
import type { LandingContext, LandingFormat } from '../../../src/orchestrator/landing/types.ts'

const NOW = '2026-11-20T13:55:56.123456Z'

const text = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.lorem({ maxCount: 30 }), fc.constant('漢字'.repeat(80)))
  .map((value) => plain(value, 160))
const some = <T>(item: fc.Arbitrary<T>, maxLength = 10) => fc.array(item, { maxLength })
const count = fc.oneof(fc.integer({ min: 0, max: 999 }), fc.constant('1000+' as const))
const task = fc.record(
  {
    taskId: text,
    type: text,
    priority: fc.integer({ min: 1, max: 10 }),
    description: text,
    waitsFor: some(text, 3),
    role: text,
  },
  { requiredKeys: ['taskId', 'type', 'priority', 'description'] },
)

const facts: fc.Arbitrary<Facts> = fc.record({
  sections: fc.record({
    systemNodes: some(fc.record({ name: text, status: text, machine: text })),
    activeServices: some(fc.record({ name: text, status: text, url: text })),
    documentationSources: some(fc.record({ source: text, documents: count })),
    relevantKnowledge: some(fc.record({ id: fc.nat(), type: text, title: text, text })),
    recentFailures: some(fc.record({ taskId: text, type: text, description: text, error: text })),
    limits: some(fc.record({ account: text, platform: text, pausedUntil: fc.constant(NOW) }), 3),
    openWork: fc.record({
      counts: fc.record({ running: count, ready: count, blocked: count }),
      running: some(task),
      ready: some(task),
      blocked: some(task),
    }),
    recentTasks: some(fc.record({ taskId: text, type: text, status: text, description: text })),
    activeSessions: fc.record({
      total: count,
      sessions: some(fc.record({ sessionId: text, platform: text, role: text, status: text })),
    }),
    databaseStats: fc.constant(null),
  }),
  errors: some(fc.record({ section: fc.constant('limits'), code: fc.constant('timeout') }), 10),
})
const format = fc.constantFrom<LandingFormat>('json', 'markdown')

const sent = (content: LandingContext | string) =>
  typeof content === 'string' ? content : JSON.stringify(toWire(content))

test('the answer as it is sent keeps its budget, whatever the facts', () => {
  const fitter = new Fitter(countTokens)
  fc.assert(
    fc.property(facts, format, fc.integer({ min: 50, max: 5_000 }), (given, asked, maxTokens) => {
      const { content, tokens } = fitter.fit(given, asked, maxTokens).at(NOW)
      expect(tokens).toBe(countTokens(sent(content)))
      expect(tokens).toBeLessThanOrEqual(maxTokens)
    }),
    { numRuns: 150 },
  )
})

test('equal facts give equal bytes, in a process that has counted nothing yet too', () => {
  const fitter = new Fitter(countTokens)
  fc.assert(
    fc.property(facts, format, fc.integer({ min: 50, max: 2_000 }), (given, asked, maxTokens) => {
      const again = new Fitter(countTokens).fit(structuredClone(given), asked, maxTokens)
      const first = fitter.fit(given, asked, maxTokens)
      expect(sent(again.at(NOW).content)).toBe(sent(first.at(NOW).content))
      expect(again.version).toBe(first.version)
    }),
    { numRuns: 40 },
  )
})

const knowledge = (words: number) => ({ id: 1, type: 'fact', text: 'word '.repeat(words).trim() })
const recent = { taskId: 'task_1', type: 'code', status: 'completed', description: 'done long ago' }

test('the least useful lines go first, and it says which', () => {
  const given = { sections: { recentTasks: Array(9).fill(recent), relevantKnowledge: [knowledge(100)] }, errors: [] }
  const { content } = new Fitter(countTokens).fit(given, 'json', 350).at(NOW)
  const context = content as LandingContext
  expect(context.relevantKnowledge).toHaveLength(1)
  const left = 9 - (context.recentTasks?.length ?? 0)
  expect(left).toBeGreaterThan(0)
  expect(context.dropped).toEqual({ lines: left, sections: { recentTasks: left } })
  const prompt = new Fitter(countTokens).fit(given, 'markdown', 250).at(NOW).content
  expect(prompt).toMatch(/\nLeft out to fit the budget: \d of recent_tasks\nAs of/)
})

test('a small budget leaves out what has no lines, and counts the lines alone', () => {
  const given = { sections: { recentTasks: [recent], relevantKnowledge: [knowledge(400)] }, errors: [] }
  const { content } = new Fitter(countTokens).fit(given, 'json', 60).at(NOW)
  expect(toWire(content)).toEqual({ dropped: { lines: 2 }, generated_at: NOW })
  const prompt = new Fitter(countTokens).fit(given, 'markdown', 60).at(NOW).content
  expect(prompt).toBe(`# Landing context\nLeft out: 2 lines\nAs of ${NOW}`)
})
