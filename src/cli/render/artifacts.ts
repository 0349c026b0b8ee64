import type { OutputOf } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { table } from './table.ts'
import { bytes, minute, printable, truncate } from './text.ts'

const NAME_CHARS_MAX = 40

/** A page of artifacts, one a line. */
export function renderArtifacts({ artifacts, nextCursor }: OutputOf<'listArtifacts'>, view: View): string {
  if (artifacts.length === 0) return 'no artifacts that match'
  const rows = artifacts.map((artifact) => [
    artifact.artifactId,
    minute(artifact.createdAt),
    artifact.artifactType,
    bytes(artifact.contentBytes),
    truncate(artifact.name, NAME_CHARS_MAX),
    artifact.taskId ?? artifact.sessionId ?? '',
  ])
  const lines = table(['artifact', 'created (UTC)', 'type', 'size', 'name', 'from'], rows, view)
  return nextCursor === null ? lines : `${lines}\n${view.style.dim(`more with --cursor ${nextCursor}`)}`
}

export function renderContent({ content }: OutputOf<'getArtifact'>): string {
  return printable(content)
}
