import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import type { InputOf } from '../../client/index.ts'
import type { SourceFile } from './files.ts'

/** A request: few enough documents for a bar that moves, few enough bytes to hold several in memory. */
const BATCH_FILES_MAX = 20
const BATCH_BYTES_MAX = 4_000_000

export type WireDocument = InputOf<'ingestDocuments'>['documents'][number]

/** Files of one request, read; those that could not be read with the reason. */
export interface Batch {
  documents: WireDocument[]
  unreadable: { path: string; detail: string }[]
}

/** Groups files, in their order, so that each group fits a request. A larger file is a group of its own. */
export function groupFiles(files: readonly SourceFile[]): SourceFile[][] {
  const groups: SourceFile[][] = []
  let group: SourceFile[] = []
  let size = 0
  for (const file of files) {
    if (group.length > 0 && (group.length === BATCH_FILES_MAX || size + file.bytes > BATCH_BYTES_MAX)) {
      groups.push(group)
      group = []
      size = 0
    }
    group.push(file)
    size += file.bytes
  }
  if (group.length > 0) groups.push(group)
  return groups
}

/** Reads the files of one group. */
export async function readBatch(files: readonly SourceFile[]): Promise<Batch> {
  const batch: Batch = { documents: [], unreadable: [] }
  for (const { path, name } of files) {
    try {
      batch.documents.push(documentOf(name, await readFile(path)))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      batch.unreadable.push({ path: name, detail: `cannot be read (${code})` })
    }
  }
  return batch
}

/** Text goes as text; what is not UTF-8, or holds what no text does, as bytes for the reader to judge. */
export function documentOf(name: string, content: Buffer): WireDocument {
  return isUtf8(content) && !content.includes(0)
    ? { path: name, content: content.toString('utf8') }
    : { path: name, contentBase64: content.toString('base64') }
}
