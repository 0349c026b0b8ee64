import { describe, expect, it, test } from 'vitest'
import { PRICES_AS_OF, priceOf } from '../../src/worker/prices.ts'
import { estimateUsd, NO_TOKENS, type Tokens, UsageMeter, type UsageReport } from '../../src/worker/usage.ts'

const tokens = (inputTokens: number, outputTokens = 0): Tokens => ({ ...NO_TOKENS, inputTokens, outputTokens })

const message = (
  messageId: string,
  model: string | null,
  used: Tokens,
  costUsd: number | null = null,
): UsageReport => ({
  ...{ kind: 'message', messageId, model, tokens: used, costUsd },
})

function usageOf(reports: UsageReport[], model: string | null = null) {
  const meter = new UsageMeter(model)
  for (const report of reports) meter.add(report)
  return meter.usage
}

describe('usage', () => {
  it('of a message that is told once a content block counts once, as told last', () => {
    const { models, isFinal } = usageOf([
      message('m1', 'claude-opus-4-8', tokens(100, 1)),
      message('m1', 'claude-opus-4-8', tokens(100, 1)),
      message('m1', 'claude-opus-4-8', tokens(100, 20)),
      message('m2', 'claude-opus-4-8', tokens(50, 5)),
    ])
    expect(models).toMatchObject([{ model: 'claude-opus-4-8', inputTokens: 150, outputTokens: 25 }])
    expect(isFinal).toBe(false)
  })

  it('as the run totals it replaces what was heard before', () => {
    const total: UsageReport = {
      kind: 'total',
      models: [
        { model: 'claude-opus-4-8', tokens: tokens(300, 60), costUsd: 0.5 },
        { model: 'claude-haiku-4-5', tokens: tokens(10), costUsd: 0.25 },
      ],
    }
    const usage = usageOf([message('m1', 'claude-opus-4-8', tokens(100)), total])
    expect(usage).toMatchObject({ costUsd: 0.75, costBasis: 'reported', isFinal: true })
    expect(usage.models.map(({ inputTokens }) => inputTokens)).toEqual([300, 10])
  })

  it('without dollars is estimated, and says so', () => {
    const usage = usageOf([message('m1', 'claude-opus-4-8', tokens(1_000_000, 100_000))])
    expect(usage).toMatchObject({ costUsd: 7.5, costBasis: 'estimated' })
  })

  it('of reported and of estimated dollars is an estimate', () => {
    const usage = usageOf([
      message('m1', 'm-of-its-own', tokens(1), 2),
      message('m2', 'claude-opus-4-8', tokens(1_000_000)),
    ])
    expect(usage).toMatchObject({ costUsd: 7, costBasis: 'estimated' })
  })

  it('of a model without a price has none, and the sum says that it is not all', () => {
    expect(usageOf([message('m1', 'unheard-of', tokens(5))])).toMatchObject({ costUsd: null, costBasis: 'unknown' })
    const both = usageOf([message('m1', 'unheard-of', tokens(5)), message('m2', 'x', tokens(1), 3)])
    expect(both).toMatchObject({ costUsd: 3, costBasis: 'unknown' })
  })

  it('of an unnamed model is that of the model asked for', () => {
    expect(usageOf([message('m1', null, tokens(1_000_000))], 'gpt-5')).toMatchObject({
      models: [{ model: 'gpt-5', costUsd: 1.25 }],
    })
  })

  it('of a run that told nothing is nothing', () => {
    expect(usageOf([])).toEqual({ models: [], costUsd: null, costBasis: 'unknown', isFinal: false })
  })
})

test('each kind of token has its price', () => {
  const million = { inputTokens: 1e6, outputTokens: 1e6, cacheReadTokens: 1e6, cacheWriteTokens: 1e6 }
  expect(estimateUsd('claude-opus-4-8', million)).toBeCloseTo(5 + 25 + 0.5 + 6.25)
  expect(PRICES_AS_OF).toMatch(/^\d{4}-\d{2}-\d{2}$/)
})

test.each([
  ['claude-opus-4-8[1m]', 5],
  ['claude-sonnet-4-5-20250929', 3],
  ['claude-opus-4-20250514', 15],
  ['anthropic/claude-sonnet-5', 2],
  ['gpt-5-2025-08-07', 1.25],
  ['gpt-5-mini', 0.25],
  ['gemini-2.5-flash-lite', 0.1],
])('%s is known under its plain name', (model, input) => {
  expect(priceOf(model)?.input).toBe(input)
})

test.each(['gpt-5-nano', 'claude-opus-4-9', 'claude', 'gpt-55', 'stub/m1'])(
  '%s has no price of a relative',
  (model) => {
    expect(priceOf(model)).toBeNull()
  },
)
