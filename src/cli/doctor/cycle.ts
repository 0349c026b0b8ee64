import { randomBytes } from 'node:crypto'
import { messageOf } from '../../base/errors.ts'
import type { Backend } from '../backend.ts'
import { type Check, fail, ok, warn } from './report.ts'

const PROJECT = 'agent-turbo-doctor'
/** Leases and expiry are the database's; a clock that is further away than this confuses whoever reads times. */
const SKEW_MS_WARN = 2_000
const LOG_HINT = 'The error above says more; run `agent-turbo doctor --verbose`, or look into the log of the server.'

/**
 * Adds, finds and erases an item in a scope that nobody else uses, and looks that nothing of it stays. The time that the
 * store gives the item also tells how far its clock is from this host's.
 */
export async function checkCycle(backend: Backend): Promise<Check[]> {
  const scope = `doctor-${randomBytes(8).toString('hex')}`
  const content = `agent-turbo doctor ${scope}: a lighthouse keeper counts the passing ships`
  const checks: Check[] = []
  try {
    checks.push(...(await addAndFind(backend, scope, content)))
  } catch (error) {
    checks.push(fail('add and query', messageOf(error), LOG_HINT))
  }
  try {
    checks.push(await eraseAll(backend, scope))
  } catch (error) {
    const fix = `Erase what is left: agent-turbo list --history --project ${PROJECT} --scope ${scope}`
    checks.push(fail('erase', messageOf(error), fix))
  }
  return checks
}

async function addAndFind(backend: Backend, scope: string, content: string): Promise<Check[]> {
  const startedMs = performance.now()
  const before = Date.now()
  const added = await backend.call('addKnowledge', { content, project: PROJECT, scope })
  const after = Date.now()
  const found = await backend.call('queryKnowledge', { query: 'who counts ships', project: PROJECT, scope })
  const took = `${Math.round(performance.now() - startedMs)} ms`
  const { createdAt } = await backend.call('getKnowledge', { id: added.id })
  return [
    found.results.some(({ id }) => id === added.id)
      ? ok('add and query', `added and found in ${took}`)
      : fail('add and query', 'an item was added and not found again', LOG_HINT),
    checkClock(Date.parse(createdAt), before, after),
  ]
}

/** `storedMs` should lie between `beforeMs` and `afterMs`. */
export function checkClock(storedMs: number, beforeMs: number, afterMs: number): Check {
  const skewMs = storedMs < beforeMs ? storedMs - beforeMs : Math.max(storedMs - afterMs, 0)
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1)
  if (Math.abs(skewMs) < SKEW_MS_WARN) return ok('clock', `the database's clock and this host's agree`)
  const detail = `the database's clock is ${seconds} s ${skewMs < 0 ? 'behind' : 'ahead of'} this host's`
  return warn('clock', detail, 'Synchronise both clocks (NTP).')
}

async function eraseAll(backend: Backend, scope: string): Promise<Check> {
  const filter = { project: PROJECT, scope, includeHistory: true }
  const { items } = await backend.call('listKnowledge', filter)
  for (const { id } of items) await backend.call('eraseKnowledge', { id })
  const { items: left } = await backend.call('listKnowledge', filter)
  if (left.length === 0) return ok('erase', 'nothing of it is left')
  return fail(
    'erase',
    `${left.length} test items are left`,
    `Erase them: agent-turbo forget ${left.map(({ id }) => id).join(' ')}`,
  )
}
