import type { Backend } from '../backend.ts'
import { Interrupted, pause } from '../exit.ts'
import { createProgress } from '../progress.ts'
import { plural } from '../render/text.ts'
import type { Terminal } from '../terminal.ts'

const POLL_MS = 500
/** An embedder that has been away for this long is not waited for; a store that was just opened needs a moment. */
const AWAY_MS_MAX = 5_000

export interface BacklogEnd {
  /** Items still waiting for vectors. */
  backlog: number
  /** `embedded`: all have them; the others say why the waiting ended before. */
  because: 'embedded' | 'interrupted' | 'embedder_unavailable'
}

/** Shows the backlog of vectors going down until it is empty, the person has enough, or the embedder is away. */
export async function waitForVectors(backend: Backend, terminal: Terminal, signal: AbortSignal): Promise<BacklogEnd> {
  const progress = await createProgress(terminal, 'embedding', 'items')
  let most = 0
  let backlog = 0
  let reachedMs = performance.now()
  try {
    for (;;) {
      const health = await backend.call('getHealth', {})
      // Health costs the store nothing but is up to a second old, too old to believe that nothing waits.
      backlog = health.backlog || (await backend.call('getEmbeddings', {})).backlog
      if (most === 0 && backlog > 0 && !terminal.isInteractive) {
        terminal.note(`waiting for ${plural(backlog, 'item')} to be embedded (--no-wait leaves that to the background)`)
      }
      most = Math.max(most, backlog)
      if (most > 0) progress.update(most - backlog, most)
      if (backlog === 0) return { backlog, because: 'embedded' }
      if (health.embedder.reachable) reachedMs = performance.now()
      else if (performance.now() - reachedMs > AWAY_MS_MAX) return { backlog, because: 'embedder_unavailable' }
      await pause(POLL_MS, signal)
    }
  } catch (error) {
    if (error instanceof Interrupted) return { backlog, because: 'interrupted' }
    throw error
  } finally {
    progress.stop()
  }
}
