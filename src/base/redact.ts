/** What stands in the place of a secret. */
const REDACTED = '[redacted]'

/** Keys of well-known makers, which say themselves what they are. */
const KEY_SHAPES = [
  'sk-(?:ant-|proj-|or-v1-|svcacct-)?[\\w-]{16,}', // Anthropic, OpenAI, OpenRouter
  'gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\\w{22,}', // GitHub
  'gl(?:pat|ptt|dt|rt)-[\\w-]{20,}', // GitLab
  '(?:AKIA|ASIA)[A-Z0-9]{16}', // AWS
  'AIza[\\w-]{35}|ya29\\.[\\w-]{20,}', // Google
  'xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{20,}', // Slack
  '(?:sk|rk|pk|whsec)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{20,}', // Stripe, Standard Webhooks
  'npm_[A-Za-z0-9]{30,}|pypi-[\\w-]{30,}|hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}', // npm, PyPI, Hugging Face, Groq
  'SG\\.[\\w-]{16,}\\.[\\w-]{16,}|dop_v1_[a-f0-9]{40,}|xai-[A-Za-z0-9]{30,}', // SendGrid, DigitalOcean, xAI
  'at_[0-9A-Za-z]{38}', // ours
  'eyJ[\\w-]{8,}\\.[\\w-]{8,}\\.[\\w-]{8,}', // JSON Web Tokens
]
const KEY = new RegExp(`(?<![A-Za-z0-9])(?:${KEY_SHAPES.join('|')})`, 'g')

const PRIVATE_KEY = /-----BEGIN ([A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?)-----[\s\S]*?(?:-----END \1-----|$)/g
const BEARER = /\b(bearer|basic)(\s+)[\w.~+/=-]{8,}/gi
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]{1,30}:\/\/[^\s:/?#@'"]{0,200}):[^\s/?#@'"]{1,500}@/gi

/** Names of fields, settings and flags that hold a secret; `max_tokens` and `token_count` do not. */
const SECRET_NAME =
  '(?:password|passwd|passphrase|pwd|secret|token|credentials?|authorization|(?:api|access|private|secret|signing|encryption)[_-]?key)'
/** `OPENAI_API_KEY=…`, `--password …`, `"clientSecret": "…"` inside a text. */
const ASSIGNED = new RegExp(
  `((?<![A-Za-z0-9])[\\w-]{0,60}${SECRET_NAME}["']?(?:\\s{0,3}[=:]\\s{0,3}|\\s{1,3}(?=[^\\s=:-]))(?<=[=:]\\s{0,3}|--[\\w-]{0,80}\\s{1,3}))("[^"\\n]{1,2000}"|(?:bearer|basic)\\s{1,3}[^\\s"',;&]{1,2000}|'[^'\\n]{1,2000}'|[^\\s"',;&]{1,2000})`,
  'gi',
)
const SECRET_FIELD = new RegExp(`(?:^|[_\\W]|(?<=[a-z0-9])(?=[A-Z]))${SECRET_NAME}$`, 'i')

/** The text without what looks like a secret: keys, bearer tokens, passwords in URLs and assignments, private keys. */
export function redactText(text: string): string {
  return text
    .replace(PRIVATE_KEY, REDACTED)
    .replace(URL_PASSWORD, `$1:${REDACTED}@`)
    .replace(BEARER, `$1$2${REDACTED}`)
    .replace(KEY, REDACTED)
    .replace(ASSIGNED, (_, name: string, value: string) => name + quotedLike(value))
}

function quotedLike(value: string): string {
  const [quote] = /^["']/.exec(value) ?? ['']
  return quote + REDACTED + quote
}

/** A copy of a JSON value without secrets: every text is searched, and a field named like a secret loses its value. */
export function redactJson<T>(value: T): T {
  return redacted(value) as T
}

function redacted(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value)
  if (Array.isArray(value)) return value.map(redacted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      isSecretField(name) && field !== null && typeof field !== 'boolean' ? REDACTED : redacted(field),
    ]),
  )
}

function isSecretField(name: string): boolean {
  return SECRET_FIELD.test(name)
}
