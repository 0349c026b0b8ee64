import { createHash } from 'node:crypto'
import type { Runner } from './runners/index.ts'

/** Names of variables that say which account a program uses. */
const CREDENTIAL = /_(?:KEY|TOKEN)$/

/**
 * Names the account behind a runner, the same on every host that is given the same credentials. A program that keeps its
 * login to itself counts as one account wherever it runs: the hosts of a fleet share a subscription more often than not,
 * and a pause too many costs time, where one too few costs runs.
 */
export function accountKeyOf(runner: Runner, environment: Readonly<Record<string, string | undefined>>): string {
  const credentials = runner.environment
    .filter((name) => CREDENTIAL.test(name))
    .flatMap((name) => environment[name] || [])
  if (credentials.length === 0) return `${runner.platform}:login`
  const fingerprint = createHash('sha256').update(credentials.join('\0')).digest('hex').slice(0, 12)
  return `${runner.platform}:${fingerprint}`
}
