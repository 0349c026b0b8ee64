import type { Log } from '../base/log.ts'
import { createLoop } from '../base/loop.ts'
import { redactText } from '../base/redact.ts'
import type { LogKind, LogLine, TaskLog } from '../orchestrator/index.ts'
import type { RunEvent } from './runners/index.ts'
import { cleanText } from './storable.ts'

const FLUSH_MS = 250
const BATCH_CHARS_MAX = 64 * 1024
/** Of an attempt, kept from its beginning and from its end. */
const HEAD_CHARS_MAX = 512 * 1024
const TAIL_CHARS_MAX = 256 * 1024
/** One entry of it. */
const BODY_CHARS_MAX = 16 * 1024
/** For the last batch, when the store is slow. */
const END_MS = 2_000

/** Writes down what a run says, in batches, without ever holding it up. */
export interface AttemptLog {
  add(event: RunEvent): void
  /** Writes what is left; gives up after two seconds. Never rejects. */
  end(): Promise<void>
}

interface Line {
  kind: LogKind
  body: string
}

/** While the beginning lasts, lines are written as they come; of what follows the last ones are held until the end. */
export function createAttemptLog(attemptId: string, taskLog: Pick<TaskLog, 'append'>, log: Log): AttemptLog {
  const pending: LogLine[] = []
  let sending: LogLine[] = []
  const tail: Line[] = []
  let seq = 0
  let headChars = 0
  let tailChars = 0
  let leftOutChars = 0
  let isOver = false

  const put = (line: Line) => {
    const last = pending.at(-1)
    // Lines of a program's output that come together are one entry.
    if (last?.kind === 'text' && line.kind === 'text' && last.body.length + line.body.length <= BODY_CHARS_MAX) {
      last.body += line.body
      return
    }
    seq += 1
    pending.push({ seq, ...line })
  }
  const hold = (line: Line) => {
    tail.push(line)
    tailChars += line.body.length
    while (tailChars > TAIL_CHARS_MAX) {
      const dropped = tail.shift()?.body.length ?? 0
      tailChars -= dropped
      leftOutChars += dropped
    }
  }
  /** A batch that failed is sent again as it was: nothing joins what may have been written. */
  const flush = async () => {
    while (!isOver && (sending.length > 0 || pending.length > 0)) {
      if (sending.length === 0) sending = pending.splice(0, batchSize(pending))
      isOver = !(await taskLog.append(attemptId, sending))
      sending = []
    }
    return false
  }
  const loop = createLoop({ name: 'task-log', idleMs: FLUSH_MS, log, step: flush })
  loop.start()
  return {
    add(event) {
      const line = lineOf(event)
      if (line === null || isOver) return
      headChars += line.body.length
      if (headChars <= HEAD_CHARS_MAX) put(line)
      else hold(line)
    },
    async end() {
      if (leftOutChars > 0) put({ kind: 'left_out', body: `${leftOutChars} characters left out` })
      for (const line of tail) put(line)
      await within(
        END_MS,
        loop
          .stop()
          .then(flush)
          .catch((error: unknown) => log.warn({ err: error, attemptId }, 'the end of a log is lost')),
      )
      isOver = true
    },
  }
}

/** How many of the first lines go into one statement. */
function batchSize(pending: readonly LogLine[]): number {
  let chars = 0
  const fits = pending.findIndex(({ body }) => {
    chars += body.length
    return chars > BATCH_CHARS_MAX
  })
  return fits === -1 ? pending.length : Math.max(1, fits)
}

function lineOf(event: RunEvent): Line | null {
  const [kind, body] = told(event)
  if (kind === null || body === '') return null
  const clean = cleanText(redactText(body.slice(0, BODY_CHARS_MAX)))
  const more = body.length - BODY_CHARS_MAX
  return { kind, body: more > 0 ? `${clean} [${more} characters left out]` : clean }
}

function told(event: RunEvent): [LogKind | null, string] {
  switch (event.kind) {
    case 'session':
      return ['session', event.sessionId]
    case 'text':
    case 'notice':
      return [event.kind, event.text]
    case 'tool':
      return ['tool', `${event.name} ${JSON.stringify(event.input ?? null)}`]
    case 'tool_end':
      return ['tool_end', `${event.name ?? 'tool'} ${event.isError ? 'failed' : 'done'}`]
    case 'denied':
      return ['denied', event.tools.join(', ')]
    case 'result':
      return event.failure === null ? [null, ''] : ['failure', event.failure.message]
    default:
      return [null, '']
  }
}

async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}
