import type { Executor } from '../../db/executor.ts'
import { selectFigures } from './queries.ts'
import type { ClaimSeen, FiguresService, QueueFigures } from './types.ts'

/** Many may watch: the store is asked by one of them. */
const KEPT_MS = 5_000

/** {@link FiguresService} with the side that claims are told to. */
export interface Figures extends FiguresService {
  claimed(seen: ClaimSeen): void
}

export function createFigures({ db }: { db: Executor }): Figures {
  const listeners: ((seen: ClaimSeen) => void)[] = []
  let kept: { atMs: number; figures: Promise<QueueFigures> } | undefined
  return {
    read() {
      if (kept !== undefined && performance.now() - kept.atMs < KEPT_MS) return kept.figures
      const reading = { atMs: performance.now(), figures: selectFigures(db) }
      kept = reading
      // Who asked is told; the next one asks anew.
      reading.figures.catch(() => {
        if (kept === reading) kept = undefined
      })
      return reading.figures
    },
    onClaim: (listener) => void listeners.push(listener),
    claimed(seen) {
      for (const listener of listeners) listener(seen)
    },
  }
}
