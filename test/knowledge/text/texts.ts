import fc from 'fast-check'

const words = fc.constantFrom(
  ...'the planner index scan E11000 getUserById src/db/pool.ts 漢字 👩‍👩‍👧 größe … naïve https://x.example/a?b=c'.split(
    ' ',
  ),
)
const sentence = fc
  .tuple(fc.array(words, { minLength: 1, maxLength: 30 }), fc.constantFrom('.', '?', '!', '。', ''))
  .map(([list, end]) => `${list.join(' ')}${end}`)
const paragraph = fc.array(sentence, { minLength: 1, maxLength: 6 }).map((list) => list.join(' '))
const lines = fc.array(fc.string({ maxLength: 60 }), { minLength: 1, maxLength: 12 })
const block = fc.oneof(
  { weight: 4, arbitrary: paragraph },
  fc.tuple(fc.integer({ min: 1, max: 4 }), sentence).map(([level, title]) => `${'#'.repeat(level)} ${title}`),
  lines.map((code) => `\`\`\`ts\n${code.join('\n')}\n\`\`\``),
  fc.array(sentence, { minLength: 1, maxLength: 8 }).map((items) => items.map((item) => `- ${item}`).join('\n')),
  lines.map((rows) => rows.map((row) => `| ${row} | x |`).join('\n')),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(
    'x'.repeat(900),
    ' '.repeat(400),
    '\n'.repeat(50),
    '\t\u00a0\u2028',
    '~~~\nnever closed',
    '===',
    '---',
  ),
)

/** Markdown as people write it, with stretches as nobody does; well-formed Unicode. */
export const anyText = fc
  .tuple(fc.array(block, { maxLength: 15 }), fc.constantFrom('\n\n', '\n', '\r\n\r\n'))
  .map(([blocks, separator]) => blocks.join(separator))

/** Processor seconds that `work` takes: unlike the clock's they say something on a busy machine. */
export function processorSeconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000_000
}
