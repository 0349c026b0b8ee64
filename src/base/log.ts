import { type DestinationStream, destination, type Logger, pino } from 'pino'

/** Structured log: one JSON object a line. Takes ids, counts and durations; never texts, parameters or secrets. */
export type Log = Logger

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogOptions {
  level: LogLevel
  /** Where the lines go; standard error when absent, which leaves standard output to results. */
  stream?: DestinationStream
}

/** Names that must never be printed, at the top of a line or one level down: a second fence behind not logging them. */
const REDACTED = [
  'authorization',
  'apiKey',
  'api_key',
  'key',
  'password',
  'secret',
  'token',
  'content',
  'query',
  'body',
  'params',
]

/** Causes are followed this far; a cycle or a long chain is cut. */
const CAUSE_DEPTH_MAX = 5

/** The process log. Lines are written synchronously, so that the last ones before a crash are there. */
export function createLog({ level, stream = destination({ dest: 2, sync: true }) }: LogOptions): Log {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
      redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    stream,
  )
}

/** What a log line says of a failure: code, message, where it was thrown, and the same of its causes. */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: `thrown: ${typeof error}` }
  const { code, failure } = error as { code?: unknown; failure?: unknown }
  const cause =
    error.cause === undefined || depth >= CAUSE_DEPTH_MAX ? undefined : describeError(error.cause, depth + 1)
  return { name: error.name, code, message: error.message, failure, stack: error.stack, cause }
}
