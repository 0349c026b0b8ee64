import { createHash } from 'node:crypto'
import { invalid, TurboError } from '../../base/errors.ts'
import type { Database } from '../../db/executor.ts'
import { isMomentAndId, readCursor, writeCursor } from '../cursor.ts'
import { hexDigits } from '../ids.ts'
import { insertArtifact, listArtifacts, type NewArtifact, selectArtifact, selectSession } from './queries.ts'
import type { AddArtifactInput, Artifact, ArtifactService, ArtifactSummary, ListArtifactsInput } from './types.ts'

/** Bytes of one artifact's content, in UTF-8. */
const CONTENT_BYTES_MAX = 5_000_000
const PAGE_ARTIFACTS = 50
const ID_DIGITS = 12

export function createArtifacts({ db }: { db: Database }): ArtifactService {
  return {
    add: (input, request) => add(db, input, request),
    get: (artifactId) => get(db, artifactId),
    list: (input) => list(db, input),
  }
}

async function add(db: Database, input: AddArtifactInput, request: string | undefined): Promise<ArtifactSummary> {
  const contentBytes = Buffer.byteLength(input.content, 'utf8')
  if (contentBytes > CONTENT_BYTES_MAX) {
    throw invalid('/content', `has ${contentBytes} bytes, more than ${CONTENT_BYTES_MAX}`)
  }
  const artifact: NewArtifact = {
    artifactId: `artifact_${hexDigits(ID_DIGITS, request)}`,
    sessionId: input.sessionId ?? null,
    taskId: input.taskId ?? null,
    artifactType: input.artifactType,
    name: input.name,
    format: input.format,
    content: input.content,
    contentHash: createHash('sha256').update(input.content, 'utf8').digest('hex'),
    contentBytes,
    metadata: input.metadata ?? {},
  }
  const [made] = await insertArtifact(db, artifact)
  if (made !== undefined) return made
  const [taken] = await selectArtifact(db, artifact.artifactId)
  if (taken === undefined) throw await refusalOf(db, artifact)
  // The same request again, whose answer was lost.
  if (request !== undefined && taken.contentHash === artifact.contentHash) return withoutContent(taken)
  throw new TurboError('conflict', 'no free id was found for the artifact', { next: 'Repeat the request.' })
}

function withoutContent({ content: _content, ...summary }: Artifact): ArtifactSummary {
  return summary
}

async function refusalOf(db: Database, { sessionId }: NewArtifact): Promise<TurboError> {
  const isSession = sessionId === null || (await selectSession(db, sessionId)).length > 0
  return isSession ? invalid('/task_id', 'no task has this id') : invalid('/session_id', 'no session has this id')
}

async function get(db: Database, artifactId: string): Promise<Artifact> {
  const [artifact] = await selectArtifact(db, artifactId)
  if (artifact !== undefined) return artifact
  throw new TurboError('not_found', `no artifact has the id ${artifactId}`, {
    next: 'List the artifacts to see their ids.',
  })
}

async function list(db: Database, { limit = PAGE_ARTIFACTS, cursor, ...filter }: ListArtifactsInput) {
  const before = cursor === undefined ? null : readCursor('artifacts', cursor, isMomentAndId)
  const rows = await listArtifacts(db, filter, before, limit + 1)
  const artifacts = rows.slice(0, limit)
  const last = artifacts.at(-1)
  const more = rows.length > limit && last !== undefined
  return { artifacts, nextCursor: more ? writeCursor('artifacts', [last.createdAt, last.artifactId]) : null }
}
