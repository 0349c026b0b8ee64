import type { Backend } from '../backend.ts'
import { groupFiles, readBatch } from './batches.ts'
import type { SourceFile } from './files.ts'

/** Requests under way at once: one is read from disk while the other is stored. */
const IN_FLIGHT_MAX = 2

export interface IngestOptions {
  source: string
  project?: string
  scope?: string
  tags?: string[]
}

/** What became of the files. */
export interface IngestCounts {
  created: number
  updated: number
  unchanged: number
  failed: number
  failures: { path: string; detail: string }[]
}

/**
 * Sends files in bounded batches, a few at a time; `onProgress` is told how many are done. Stored files are skipped by
 * the store when they are sent again, so that an ingest that was cut off goes on where it ended.
 */
export async function ingestFiles(
  backend: Backend,
  files: readonly SourceFile[],
  options: IngestOptions,
  onProgress: (done: number) => void,
): Promise<IngestCounts> {
  const counts: IngestCounts = { created: 0, updated: 0, unchanged: 0, failed: 0, failures: [] }
  const groups = groupFiles(files).values()
  const stopping = new AbortController()
  let done = 0
  const work = async () => {
    // The workers share one iterator: each group is taken once.
    for (const group of groups) {
      if (stopping.signal.aborted) return
      const { documents, unreadable } = await readBatch(group)
      const { documents: stored } =
        documents.length === 0 ? { documents: [] } : await backend.call('ingestDocuments', { documents, ...options })
      for (const { path, status, detail } of stored) {
        counts[status]++
        if (status === 'failed') counts.failures.push({ path, detail: detail ?? 'no reason given' })
      }
      counts.failed += unreadable.length
      counts.failures.push(...unreadable)
      done += group.length
      onProgress(done)
    }
  }
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, work))
    return counts
  } finally {
    stopping.abort()
  }
}
