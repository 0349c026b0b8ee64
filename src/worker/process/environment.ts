/** What every program may see: where it is, who it runs for, how to reach the network, and no secret. */
const SHARED_NAMES: readonly string[] = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'XDG_CACHE_HOME',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  'XDG_RUNTIME_DIR',
  'XDG_STATE_HOME',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'GIT_AUTHOR_NAME',
  'GIT_AUTHOR_EMAIL',
  'GIT_COMMITTER_NAME',
  'GIT_COMMITTER_EMAIL',
]

const LOCALE = /^LC_[A-Z]+$/

/** Never handed on, whoever asks: the store's secrets, and what makes a CLI believe that it runs inside another one. */
const WITHHELD =
  /^(?:DATABASE_URL(?:_FILE)?|PG[A-Z]+|AGENT_TURBO_.*|CLAUDECODE|CLAUDE_CODE_(?:CHILD_SESSION|SESSION_ID|ENTRYPOINT)|GEMINI_CLI|CURSOR_AGENT|OPENCODE(?:_PID)?|NODE_OPTIONS)$/

/** True for a name that no child may be given. */
export function isWithheld(name: string): boolean {
  return WITHHELD.test(name)
}

export interface EnvironmentRequest {
  /** The worker's own environment. */
  source: Readonly<Record<string, string | undefined>>
  /** Further names handed on: what one CLI needs to log in. */
  names: readonly string[]
  /** Values set for this run; they win. */
  values: Readonly<Record<string, string>>
}

/**
 * The environment of a child: a list of what it may see, because a list of what it may not see is never complete. Of the
 * values of a run, withheld names are left out too.
 */
export function childEnvironment({ source, names, values }: EnvironmentRequest): Record<string, string> {
  const allowed = new Set([...SHARED_NAMES, ...names])
  const inherited = Object.entries(source).filter(([name]) => allowed.has(name) || LOCALE.test(name))
  const given = [...inherited, ...Object.entries(values)]
  return Object.fromEntries(
    given.filter((entry): entry is [string, string] => entry[1] !== undefined && !isWithheld(entry[0])),
  )
}
