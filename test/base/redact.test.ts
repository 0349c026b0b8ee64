import { describe, expect, test } from 'vitest'
import { redactJson, redactText } from '../../src/base/redact.ts'

/** Made up, in the shapes that their makers give them; joined here so that no scanner takes them for real ones. */
const keys: Record<string, string> = {
  Anthropic: `sk-ant-${'api03-aB3_'.repeat(4)}`,
  OpenAI: `sk-proj-${'aB3-'.repeat(10)}`,
  GitHub: `ghp_${'aB3'.repeat(12)}`,
  'GitHub, fine-grained': `github_pat_${'aB3_'.repeat(8)}`,
  GitLab: `glpat-${'aB3-'.repeat(5)}`,
  AWS: `AKIA${'AB34'.repeat(4)}`,
  Google: `AIza${'aB3-_'.repeat(7)}`,
  Slack: `xoxb-${'123456-'.repeat(4)}abc`,
  Stripe: `sk_live_${'aB3d'.repeat(6)}`,
  npm: `npm_${'aB3'.repeat(12)}`,
  'Hugging Face': `hf_${'aB3'.repeat(11)}`,
  'a JSON Web Token': `eyJ${'hbGci'.repeat(3)}.eyJ${'zdWIi'.repeat(3)}.${'aB3_'.repeat(10)}`,
  'Agent Turbo': `at_${'aB'.repeat(19)}`,
}

describe('a text', () => {
  test.each(Object.entries(keys))('loses a key of %s, wherever it stands', (_maker, key) => {
    for (const [before, after] of [
      ['', ''],
      ['key=', ''],
      ['"', '"'],
      ['see ', ', please'],
      ['(', ')'],
    ]) {
      const clean = redactText(`${before}${key}${after}`)
      expect(clean).not.toContain(key.slice(-8))
      expect(clean).toContain('[redacted]')
    }
  })

  test.each([
    ['psql postgres://app:hunter2@db/x?sslmode=on', 'psql postgres://app:[redacted]@db/x?sslmode=on'],
    ['Authorization: Bearer abc', 'Authorization: [redacted]'],
    ['curl -H "X: Bearer abcdefgh"', 'curl -H "X: Bearer [redacted]"'],
    ['export DB_PASSWORD=hunter2 && run', 'export DB_PASSWORD=[redacted] && run'],
    ["login --password 'two words' --user x", "login --password '[redacted]' --user x"],
    ['login --token=abc', 'login --token=[redacted]'],
    ['{"clientSecret": "a b", "id": 1}', '{"clientSecret": "[redacted]", "id": 1}'],
    ['https://x/?api_key=abc&page=2', 'https://x/?api_key=[redacted]&page=2'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- after', '[redacted] after'],
    ['-----BEGIN PRIVATE KEY-----\ncut off', '[redacted]'],
  ])('%s', (text, clean) => {
    expect(redactText(text)).toBe(clean)
  })

  test.each([
    'max_tokens: 1000, token_count=5, tokens_used = 7',
    'the password is needed, and the token was refused',
    'risk-assessment-of-the-whole-project.md',
    'see https://example.com:8080/path@v2 and git@github.com:a/b.git',
    'sk-short, at_noon, ghp_no',
    'tokenizer: cl100k, secretary: Ann',
  ])('that holds none stays as it is: %s', (text) => {
    expect(redactText(text)).toBe(text)
  })

  test('of a million characters takes no time to speak of, whatever it repeats', () => {
    for (const piece of ['a-', '_', 'password ', 'x://', 'eyJaaaaaaaaaaa.', 'token=', '-----BEGIN ', '"secret": ']) {
      const startedAt = performance.now()
      redactText(piece.repeat(1_000_000 / piece.length))
      expect(performance.now() - startedAt, piece).toBeLessThan(5_000)
    }
  })
})

test('JSON loses the values of fields that are named like a secret, and keys in every text', () => {
  const given = {
    apiKey: 'x',
    'x-api-key': 'x',
    accessToken: 'x',
    CLIENT_SECRET: 'x',
    password: { old: 'x', new: 'x' },
    pin: { token: 1234 },
    list: [{ passphrase: 'x' }, keys.GitHub],
    kept: { token: null, secret: false, max_tokens: 5, tokens: ['a'], tokenizer: 'b', secretary: 'c', author: 'd' },
  }
  const gone = '[redacted]'
  expect(redactJson(given)).toEqual({
    apiKey: gone,
    'x-api-key': gone,
    accessToken: gone,
    CLIENT_SECRET: gone,
    password: gone,
    pin: { token: gone },
    list: [{ passphrase: gone }, gone],
    kept: given.kept,
  })
})
