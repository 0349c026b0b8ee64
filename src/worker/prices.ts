/** When these prices were read. They are list prices for short contexts: what is computed from them is an estimate. */
export const PRICES_AS_OF = '2026-10-16'

/** Dollars a million tokens. */
export interface Price {
  input: number
  output: number
  cacheRead: number
  /** For the shortest lifetime that can be bought. */
  cacheWrite: number
}

/** Writing to the cache costs a quarter more than input at Anthropic, and at OpenAI since GPT-6. */
const withCacheWrites = (input: number, output: number, cacheRead = input / 10): Price => ({
  input,
  output,
  cacheRead,
  cacheWrite: input * 1.25,
})

const plain = (input: number, output: number, cacheRead = input / 10): Price => ({
  input,
  output,
  cacheRead,
  cacheWrite: input,
})

/** By the model's id without date and context size. */
const PRICES: Readonly<Record<string, Price>> = {
  'claude-fable-5': withCacheWrites(10, 50),
  'claude-fable-5-1': withCacheWrites(10, 50, 0.25),
  'claude-opus-5-5': withCacheWrites(4, 20, 0.2),
  'claude-opus-5': withCacheWrites(5, 25),
  'claude-opus-4-8': withCacheWrites(5, 25),
  'claude-opus-4-7': withCacheWrites(5, 25),
  'claude-opus-4-6': withCacheWrites(5, 25),
  'claude-opus-4-5': withCacheWrites(5, 25),
  'claude-opus-4-1': withCacheWrites(15, 75),
  'claude-opus-4': withCacheWrites(15, 75),
  'claude-sonnet-5-5': withCacheWrites(2, 10, 0.1),
  'claude-sonnet-5': withCacheWrites(2, 10),
  'claude-sonnet-4-6': withCacheWrites(3, 15),
  'claude-sonnet-4-5': withCacheWrites(3, 15),
  'claude-sonnet-4': withCacheWrites(3, 15),
  'claude-haiku-5-5': withCacheWrites(0.1, 0.5),
  'claude-haiku-4-5': withCacheWrites(1, 5),
  'gpt-6.1-sol': withCacheWrites(2, 10, 0.1),
  'gpt-6-astra': withCacheWrites(10, 50),
  'gpt-6-sol': withCacheWrites(2, 10),
  'gpt-6-luna': withCacheWrites(0.1, 0.5),
  'gpt-5.6-terra': plain(2, 12),
  'gpt-5.6-luna': plain(0.2, 1.2),
  'gpt-5.4': plain(2.5, 15),
  'gpt-5.4-mini': plain(0.75, 4.5),
  'gpt-5': plain(1.25, 10),
  'gpt-5-codex': plain(1.25, 10),
  'gpt-5-mini': plain(0.25, 2),
  'gemini-2.5-pro': plain(1.25, 10),
  'gemini-2.5-flash': plain(0.3, 2.5),
  'gemini-2.5-flash-lite': plain(0.1, 0.4),
}

/** What may follow a known id and leave it the same model: a date, `-latest`, a context size in brackets. */
const VARIANT = /^(?:-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest))?(?:\[\w+\])?$/

/** The price of a model, null when it is not in the table: a near relative may cost ten times as much. */
export function priceOf(model: string): Price | null {
  const name = model.replace(/^(?:anthropic|openai|google)\//, '')
  const id = Object.keys(PRICES).find((known) => name.startsWith(known) && VARIANT.test(name.slice(known.length)))
  return id === undefined ? null : (PRICES[id] ?? null)
}
