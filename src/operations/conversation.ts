import { z } from 'zod'
import { CHUNK_FORMATS } from '../orchestrator/index.ts'
import { requestOf } from './facade.ts'
import { cursor, instant, LIMITS, limit, metadata, name, words } from './fields.ts'
import { defineOperation } from './operation.ts'

/** Texts of one kind that were found in a piece of conversation. */
const found = () => z.array(words(LIMITS.titleCharsMax * 4)).max(LIMITS.pageItemsMax)

export const appendConversation = defineOperation({
  name: 'appendConversation',
  summary: 'Adds a piece of conversation to a session, with what was found in it. The same piece again is a duplicate.',
  scope: 'write',
  input: z.strictObject({
    session_id: name(),
    chunk_id: name().optional().describe('Your name for the piece, unique in the session. Default: like 007_142530.'),
    content: words(LIMITS.contentCharsMax),
    format: z.enum(CHUNK_FORMATS).default('dialogue'),
    start_time: instant().optional(),
    end_time: instant().optional(),
    participants: z.array(name()).max(LIMITS.pageItemsMax).optional(),
    extracted_items: z
      .strictObject({
        ideas: found().optional(),
        decisions: found().optional(),
        questions: found().optional(),
        action_items: found().optional(),
      })
      .optional(),
    metadata: metadata().optional(),
  }),
  output: z.strictObject({
    status: z.enum(['created', 'duplicate']),
    session_id: z.string(),
    chunk_id: z.string(),
    created_at: z.string(),
  }),
  http: { method: 'POST', path: '/v1/sessions/{session_id}/conversation', status: 201, duplicateStatus: 200 },
  run: (turbo, { sessionId, ...input }, context) =>
    turbo.orchestrator.conversation.append(sessionId, input, requestOf(context)),
})

export const listConversation = defineOperation({
  name: 'listConversation',
  summary: 'What was said in a session, piece by piece, oldest first.',
  scope: 'read',
  input: z.strictObject({ session_id: name(), limit: limit(), cursor: cursor() }),
  output: z.strictObject({
    chunks: z.array(
      z.strictObject({
        chunk_id: z.string(),
        content: z.string(),
        format: z.enum(CHUNK_FORMATS),
        start_time: z.string().nullable(),
        end_time: z.string().nullable(),
        participants: z.array(z.string()),
        extracted_items: z.strictObject({
          ideas: z.array(z.string()),
          decisions: z.array(z.string()),
          questions: z.array(z.string()),
          action_items: z.array(z.string()),
        }),
        metadata: metadata(),
        created_at: z.string(),
      }),
    ),
    next_cursor: z.string().nullable(),
  }),
  http: { method: 'GET', path: '/v1/sessions/{session_id}/conversation', status: 200, etag: true },
  run: (turbo, { sessionId, ...page }) => turbo.orchestrator.conversation.list(sessionId, page),
})
