import { createLog } from '../../src/base/log.ts'
import type { Store } from '../../src/db/index.ts'
import { createArtifacts } from '../../src/orchestrator/artifacts/artifacts.ts'
import { createAudit } from '../../src/orchestrator/audit/audit.ts'
import { createConversation } from '../../src/orchestrator/conversation/conversation.ts'
import type { Land, WrittenKnowledge } from '../../src/orchestrator/index.ts'
import { createSessions } from '../../src/orchestrator/sessions/sessions.ts'
import { testDatabase } from './database.ts'

/** Sessions and what is recorded of them, over a store of its own; nothing runs in the background. */
export interface TestRecord {
  db: Store
  sessions: ReturnType<typeof createSessions>
  audit: ReturnType<typeof createAudit>
  artifacts: ReturnType<typeof createArtifacts>
  conversation: ReturnType<typeof createConversation>
  /** A new session's id. */
  session(): Promise<string>
  drop(): Promise<void>
}

export interface TestRecordOptions {
  land?: Land
  writtenKnowledge?: WrittenKnowledge
}

export async function testRecord({
  land = async () => ({ context: {}, version: 'v1', tokens: 0 }),
  writtenKnowledge = async () => ({ items: [], nextCursor: null }),
}: TestRecordOptions = {}): Promise<TestRecord> {
  const { db, drop } = await testDatabase()
  const log = createLog({ level: 'silent' })
  const sessions = createSessions({ db, log, land, writtenKnowledge })
  return {
    db,
    sessions,
    audit: createAudit({ db, log }),
    artifacts: createArtifacts({ db }),
    conversation: createConversation({ db }),
    session: async () => (await sessions.create({ agentPlatform: 'codex', agentRole: 'developer' })).sessionId,
    drop,
  }
}
