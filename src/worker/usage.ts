import { priceOf } from './prices.ts'

/** Tokens of one model. What was read from a cache or written to one is not in `inputTokens`. */
export interface Tokens {
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWriteTokens: number
}

export const NO_TOKENS: Tokens = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

/** What a line of output says of usage. */
export type UsageReport =
  /** One answer of the model. The same id said again replaces what it said before. */
  | { kind: 'message'; messageId: string; model: string | null; tokens: Tokens; costUsd: number | null }
  /** The whole run so far, subagents included, by model; replaces everything. */
  | { kind: 'total'; models: { model: string | null; tokens: Tokens; costUsd: number | null }[] }

export interface ModelUsage extends Tokens {
  /** Null when neither the CLI nor the run request named it. */
  model: string | null
  /** Null when its price is not known. */
  costUsd: number | null
  /** `reported` by the CLI, or `estimated` from tokens and list prices. */
  costBasis: 'reported' | 'estimated' | 'unknown'
}

/** What an attempt has used, of however little was heard of it. */
export interface Usage {
  models: ModelUsage[]
  /** Sum of what is known; null when nothing is. */
  costUsd: number | null
  /** `reported` only when all of it is. */
  costBasis: 'reported' | 'estimated' | 'unknown'
  /** True when the run itself has told its totals; else it is the sum of what was heard before it ended. */
  isFinal: boolean
}

/** Sums up reports of usage as they come in. */
export class UsageMeter {
  readonly #model: string | null
  readonly #messages = new Map<string, Extract<UsageReport, { kind: 'message' }>>()
  #total: Extract<UsageReport, { kind: 'total' }> | null = null

  /** @param model the model asked for, which stands in where the CLI does not name it */
  constructor(model: string | null) {
    this.#model = model
  }

  add(report: UsageReport): void {
    if (report.kind === 'total') this.#total = report
    else this.#messages.set(report.messageId, report)
  }

  get usage(): Usage {
    const heard = this.#total?.models ?? [...this.#messages.values()]
    const models = sumByModel(heard.map((each) => ({ ...each, model: each.model ?? this.#model })))
    const known = models.filter(({ costUsd }) => costUsd !== null)
    return {
      models,
      costUsd: known.length === 0 ? null : known.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0),
      costBasis: worstBasis(models),
      isFinal: this.#total !== null,
    }
  }
}

interface Heard {
  model: string | null
  tokens: Tokens
  costUsd: number | null
}

function sumByModel(heard: Heard[]): ModelUsage[] {
  const models = [...new Set(heard.map(({ model }) => model))]
  return models.map((model) => {
    const own = heard.filter((each) => each.model === model)
    const tokens = own.reduce((sum, each) => addTokens(sum, each.tokens), NO_TOKENS)
    if (own.every(({ costUsd }) => costUsd !== null)) {
      return {
        model,
        ...tokens,
        costUsd: own.reduce((sum, each) => sum + (each.costUsd ?? 0), 0),
        costBasis: 'reported',
      }
    }
    const costUsd = estimateUsd(model, tokens)
    return { model, ...tokens, costUsd, costBasis: costUsd === null ? 'unknown' : 'estimated' }
  })
}

function addTokens(a: Tokens, b: Tokens): Tokens {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  }
}

/** Cost by list price in dollars; null for a model that is not in the table. */
export function estimateUsd(model: string | null, tokens: Tokens): number | null {
  const price = model === null ? null : priceOf(model)
  if (price === null) return null
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = tokens
  const millionths =
    inputTokens * price.input +
    outputTokens * price.output +
    cacheReadTokens * price.cacheRead +
    cacheWriteTokens * price.cacheWrite
  return millionths / 1_000_000
}

function worstBasis(models: ModelUsage[]): Usage['costBasis'] {
  if (models.length === 0 || models.some(({ costBasis }) => costBasis === 'unknown')) return 'unknown'
  return models.every(({ costBasis }) => costBasis === 'reported') ? 'reported' : 'estimated'
}
