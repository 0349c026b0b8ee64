/** Deterministic texts and vectors: the same in every process that asks with the same size. */
export const DIMENSIONS = 768
const VOCABULARY = 50_000
const WORDS_AN_ITEM = 60
const CENTRES = 400
/** Spread of vectors about their centre: neighbours are near, as texts of one topic are, and none are equal. */
const SPREAD = 0.8

/** mulberry32: 32 bits of state are enough for test data. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const cumulative = new Float64Array(VOCABULARY)
for (let rank = 0, total = 0; rank < VOCABULARY; rank += 1) {
  total += 1 / (rank + 1)
  cumulative[rank] = total
}

/** A word by Zipf's law: the n-th most frequent comes 1/n as often as the first. */
function word(next: () => number): string {
  const target = next() * (cumulative[VOCABULARY - 1] as number)
  let low = 0
  let high = VOCABULARY - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((cumulative[middle] as number) < target) low = middle + 1
    else high = middle
  }
  return spell(low)
}

function spell(rank: number): string {
  const consonants = 'bcdfghklmnprstvz'
  const vowels = 'aeiou'
  let text = ''
  for (let rest = rank + 1; rest > 0; rest = Math.floor(rest / 80)) {
    text += (consonants[rest % 16] as string) + (vowels[Math.floor(rest / 16) % 5] as string)
  }
  return `${text}k`
}

export function itemText(index: number): string {
  const next = random(index * 2 + 1)
  return Array.from({ length: WORDS_AN_ITEM }, () => word(next)).join(' ')
}

/** Six words out of one item, as a question about it would share. */
export function queryText(index: number, items: number): string {
  const next = random(index * 2 + 1_000_003)
  const words = itemText(Math.floor(next() * items)).split(' ')
  return Array.from({ length: 6 }, () => words[Math.floor(next() * words.length)]).join(' ')
}

let centres: Float32Array[] | undefined

function gaussian(next: () => number): number {
  return Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next())
}

function draw(next: () => number): Float32Array {
  return Float32Array.from({ length: DIMENSIONS }, () => gaussian(next))
}

/** The unit vector that belongs to a text: given, not computed from it, so that the store is measured and no model. */
export function vectorOf(text: string): Float32Array {
  centres ??= Array.from({ length: CENTRES }, (_, index) => draw(random(index + 77)))
  let seed = 2166136261
  for (let at = 0; at < text.length; at += 1) seed = Math.imul(seed ^ text.charCodeAt(at), 16777619)
  const next = random(seed)
  const centre = centres[Math.floor(next() * CENTRES)] as Float32Array
  const vector = new Float32Array(DIMENSIONS)
  let length = 0
  for (let at = 0; at < DIMENSIONS; at += 1) {
    const value = (centre[at] as number) + SPREAD * gaussian(next)
    vector[at] = value
    length += value * value
  }
  for (let at = 0; at < DIMENSIONS; at += 1) vector[at] = (vector[at] as number) / Math.sqrt(length)
  return vector
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at += 1) sum += (a[at] as number) * (b[at] as number)
  return sum
}
