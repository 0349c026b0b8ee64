import { isTurboError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { createLoop, type Loop } from '../base/loop.ts'
import type { FinishInput } from '../orchestrator/index.ts'
import type { Salvage } from './salvage.ts'
import type { Spool, SpooledResult } from './spool.ts'
import type { WorkerServices } from './types.ts'
import type { AttemptReport } from './verdict.ts'

/** How often results that nobody took are offered again. */
const RESEND_MS = 500

export interface ReporterOptions extends Pick<WorkerServices, 'queue' | 'accounts'> {
  spool: Spool
  salvage: Salvage
  log: Log
}

/** Brings the ends of attempts to the store, whatever happens to either side. */
export interface Reporter {
  /** Resolves when the report was taken, or refused for good. Never rejects; {@link stop} leaves it in the spool. */
  report(report: AttemptReport): Promise<void>
  /** Offers what earlier workers of this host have left. @throws TurboError when the store or the spool is away */
  replay(): Promise<void>
  /** False while there is no place for results: nothing new may be begun. */
  readonly canStore: boolean
  /** Looks whether there is place. */
  checkStorage(): Promise<void>
  stop(): Promise<void>
}

export function createReporter({ spool, log, ...store }: ReporterOptions): Reporter {
  /** Reports that nobody has taken yet, and those of them that have to be offered again. */
  const waiting = new Map<string, () => void>()
  const stuck = new Map<string, AttemptReport>()
  const storage = storageOf(spool, log)

  const take = takerOf({ ...store, log })
  const send = async ({ attemptId, result }: SpooledResult): Promise<void> => {
    await take(result as AttemptReport)
    stuck.delete(attemptId)
    waiting.get(attemptId)?.()
    waiting.delete(attemptId)
  }
  const offerAgain = async () => {
    if (stuck.size === 0) return
    await spool.replay(send)
    // What the spool could not take is in memory only.
    for (const [attemptId, report] of [...stuck]) await send({ attemptId, result: report })
  }
  const resend: Loop = createLoop({
    name: 'results',
    idleMs: RESEND_MS,
    log,
    // At an even pace, as leases run out meanwhile; whoever could not hand over has said so.
    step: () =>
      offerAgain().then(
        () => false,
        () => false,
      ),
  })
  resend.start()

  return {
    async report(report) {
      const { attemptId } = report.finish
      let isStored = false
      const taken = new Promise<void>((resolve) => waiting.set(attemptId, resolve))
      try {
        await spool.deliver({ attemptId, result: report }, (spooled) => {
          isStored = true
          return send(spooled)
        })
      } catch (error) {
        storage.canStore &&= isStored
        if (waiting.has(attemptId)) stuck.set(attemptId, report)
        log.warn({ err: error, attemptId }, 'a result could not be handed over yet')
      }
      await taken
    },
    replay: async () => {
      await spool.replay(send)
    },
    get canStore() {
      return storage.canStore
    },
    checkStorage: () => storage.check(),
    stop: async () => {
      await resend.stop()
      for (const resolve of waiting.values()) resolve()
      waiting.clear()
      stuck.clear()
    },
  }
}

/** Whether there is place for results. */
function storageOf(spool: Spool, log: Log) {
  const storage = {
    canStore: true,
    async check() {
      const wasAble = storage.canStore
      storage.canStore = await spool.checkWritable().then(
        () => true,
        (error: unknown) => {
          if (wasAble) log.error({ err: error }, 'nothing is claimed: results could not be kept')
          return false
        },
      )
    },
  }
  return storage
}

/** Brings one report into the store; the same one again changes nothing. */
function takerOf({ queue, accounts, salvage, log }: Omit<ReporterOptions, 'spool'>) {
  const refused = async (report: AttemptReport) => {
    const { attemptId, exitCode, cliSessionId, usage, costUsd, outputData } = report.finish
    const isNew = await queue.fenced({ attemptId, endClass: report.endClass, exitCode, cliSessionId, usage, costUsd })
    if (!isNew) return
    if (outputData !== undefined) await salvage.keep(attemptId, report)
    log.warn({ attemptId, end: report.endClass }, 'a run reported that had lost its task')
  }
  return async (report: AttemptReport): Promise<void> => {
    const { finish, account } = report
    // Before the task is free again: the next run would meet the same limit.
    if (account !== null && 'pause' in account) await accounts.pause(account.pause)
    const ended = await finished(queue, finish, log)
    if (ended === null) await refused(report)
    else if (account !== null && 'clear' in account) await accounts.clear(account.clear)
  }
}

/** What the store refuses for what it is would be refused for ever, and hold up all others. */
async function finished(queue: WorkerServices['queue'], finish: FinishInput, log: Log) {
  try {
    return await queue.finish(finish)
  } catch (error) {
    const { attemptId } = finish
    if (!isTurboError(error, 'invalid_input')) throw error
    log.error({ err: error, attemptId }, 'a result cannot be stored as it is')
    const errorMessage = 'its result could not be stored'
    return queue.finish({ attemptId, outcome: 'failed', failureClass: 'crashed', errorMessage, usage: {} })
  }
}
