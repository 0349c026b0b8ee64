import { duration, grouped } from './render/text.ts'
import type { Terminal } from './terminal.ts'

/** How far a long piece of work is. */
export interface Progress {
  update(done: number, total: number): void
  /** Ends the bar, leaving what it showed last. Idempotent. */
  stop(): void
}

const NONE: Progress = { update: () => undefined, stop: () => undefined }

/** A bar with count, rate and remaining time on an interactive terminal; nothing elsewhere. */
export async function createProgress(terminal: Terminal, label: string, unit: string): Promise<Progress> {
  if (!terminal.isInteractive) return NONE
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar({
    format: `${label} [{bar}] {value}/{total} ${unit} · {rate}/s · {left}`,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    barsize: 24,
    hideCursor: true,
    stream: process.stderr,
  })
  let start: { ms: number; done: number } | undefined
  let running = false
  return {
    update(done, total) {
      start ??= { ms: performance.now(), done }
      const payload = pace(done - start.done, total - done, (performance.now() - start.ms) / 1000)
      if (!running) bar.start(total, done, payload)
      else {
        bar.setTotal(total)
        bar.update(done, payload)
      }
      running = true
    },
    stop() {
      if (running) bar.stop()
      running = false
    },
  }
}

/** Rate since the start, and the time left at that rate, as texts. */
export function pace(done: number, left: number, seconds: number): { rate: string; left: string } {
  const rate = seconds > 0 ? done / seconds : 0
  if (rate === 0) return { rate: '-', left: 'estimating' }
  const rounded = rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate))
  return { rate: rounded, left: left <= 0 ? 'done' : `about ${duration(left / rate)} left (estimated)` }
}
