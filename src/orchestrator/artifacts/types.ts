export interface AddArtifactInput {
  sessionId?: string
  taskId?: string
  /** E.g. `report`, `diff`, `log`. */
  artifactType: string
  name: string
  /** E.g. `text`, `markdown`, `json`. */
  format: string
  content: string
  metadata?: Record<string, unknown>
}

/** An artifact without its content. Times are ISO 8601 UTC. */
export interface ArtifactSummary {
  artifactId: string
  sessionId: string | null
  taskId: string | null
  artifactType: string
  name: string
  format: string
  /** SHA-256 of the content, hexadecimal. */
  contentHash: string
  contentBytes: number
  metadata: Record<string, unknown>
  createdAt: string
}

export interface Artifact extends ArtifactSummary {
  content: string
}

export interface ArtifactFilter {
  sessionId?: string
  taskId?: string
}

export interface ListArtifactsInput extends ArtifactFilter {
  /** Default 50. */
  limit?: number
  cursor?: string
}

/**
 * What agents made.
 *
 * @throws TurboError `unavailable` or `timeout` from the database in every method, beside what is noted.
 */
export interface ArtifactService {
  /** @throws TurboError `invalid_input` (no such session or task, content too long) */
  add(input: AddArtifactInput, request?: string): Promise<ArtifactSummary>
  /** @throws TurboError `not_found` */
  get(artifactId: string): Promise<Artifact>
  /** Newest first, without contents. */
  list(input: ListArtifactsInput): Promise<{ artifacts: ArtifactSummary[]; nextCursor: string | null }>
}
