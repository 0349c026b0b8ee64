import { z } from 'zod'
import type { FieldError } from '../base/errors.ts'
import type { AddInput, BatchFailure, BatchResult } from '../knowledge/index.ts'
import { id, LIMITS } from './fields.ts'
import { addItem, addResult, batchFailure, knowledgeItem, patchFields } from './knowledge-schemas.ts'
import { defineOperation, fieldErrors, safeParse } from './operation.ts'

export const addKnowledge = defineOperation({
  name: 'addKnowledge',
  summary:
    'Stores one text. The same text in the same project and scope is answered as a duplicate with the id it has.',
  scope: 'write',
  input: addItem,
  output: addResult,
  http: { method: 'POST', path: '/v1/knowledge', status: 201, duplicateStatus: 200 },
  run: (turbo, input) => turbo.knowledge.add(input),
})

/** An item of a batch that is not as it should be: it fails in its place, and costs the others nothing. */
export interface RejectedItem {
  rejected: FieldError[]
}

type AcceptedItem = z.output<typeof addItem>

/** {@link addItem}, except that what it refuses becomes a {@link RejectedItem} instead of refusing the request. */
const batchItem = z
  .unknown()
  .transform((raw): AcceptedItem | RejectedItem => {
    const parsed = safeParse(addItem, raw)
    return parsed.success ? parsed.data : { rejected: fieldErrors(parsed.error.issues) }
  })
  .meta(withoutVersion(z.toJSONSchema(addItem, { io: 'input', unrepresentable: 'any' }))) as z.ZodType<
  AcceptedItem | RejectedItem,
  z.input<typeof addItem>
>

function isAccepted<Item extends object>(item: Item): item is Exclude<Item, RejectedItem> {
  return !isRejected(item)
}

function isRejected(item: object): item is RejectedItem {
  return 'rejected' in item
}

export const addKnowledgeBatch = defineOperation({
  name: 'addKnowledgeBatch',
  summary:
    'Stores up to 1,000 texts; results in order. A bad item fails in its place; with atomic, or when none is good, the batch is refused.',
  scope: 'write',
  input: z
    .strictObject({
      items: z
        .array(batchItem)
        .min(1, 'must not be empty')
        .max(LIMITS.batchItemsMax, `must have at most ${LIMITS.batchItemsMax} items`),
      atomic: z.boolean().default(false).describe('All or none.'),
    })
    .superRefine(({ items, atomic }, context) => {
      if (!atomic && items.some(isAccepted)) return
      items.forEach((item, index) => {
        for (const { pointer, detail } of isRejected(item) ? item.rejected : []) {
          context.addIssue({ code: 'custom', path: ['items', index, ...partsOf(pointer)], message: detail })
        }
      })
    }),
  output: z.strictObject({
    results: z.array(z.union([addResult, batchFailure])),
    created: z.int(),
    duplicate: z.int(),
    failed: z.int(),
  }),
  http: { method: 'POST', path: '/v1/knowledge/batch', status: 200 },
  run: async (turbo, { items, atomic }) => {
    const accepted = items.filter(isAccepted)
    return withRejected(items, await turbo.knowledge.addBatch({ items: accepted, atomic }))
  },
})

export const patchKnowledge = defineOperation({
  name: 'patchKnowledge',
  summary: 'Changes what is said about an item; its content is replaced by adding another that supersedes it.',
  scope: 'write',
  input: z
    .strictObject({ id: id(), ...patchFields })
    .refine(
      ({ id: _, ...changes }) => Object.values(changes).some((value) => value !== undefined),
      `needs at least one of ${Object.keys(patchFields).join(', ')}`,
    ),
  output: knowledgeItem,
  http: { method: 'PATCH', path: '/v1/knowledge/{id}', status: 200 },
  run: (turbo, { id, ...changes }) => turbo.knowledge.patch(id, changes),
  reread: (turbo, { id }) => turbo.knowledge.get(id),
})

export const eraseKnowledge = defineOperation({
  name: 'eraseKnowledge',
  summary: 'Removes an item, its vectors and its history for good. To keep the history, patch expires_at instead.',
  scope: 'write',
  input: z.strictObject({ id: id() }),
  output: z.strictObject({ id: id(), erased: z.literal(true) }),
  http: { method: 'DELETE', path: '/v1/knowledge/{id}', status: 200 },
  run: (turbo, { id }) => turbo.knowledge.erase(id),
})

function withoutVersion({ $schema: _, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema
}

function partsOf(pointer: string): string[] {
  return pointer === '' ? [] : pointer.slice(1).split('/')
}

/** The answer for all `items`, in order: the store's results where it was asked, the reason where it was not. */
function withRejected(items: (AddInput | RejectedItem)[], stored: BatchResult): BatchResult {
  const remaining = stored.results.values()
  const results = items
    .map((item) => (isRejected(item) ? failureOf(item) : remaining.next().value))
    .filter((result) => result !== undefined)
  return { ...stored, results, failed: stored.failed + results.length - stored.results.length }
}

function failureOf({ rejected }: RejectedItem): BatchFailure {
  const detail = rejected.map((wrong) => `${wrong.pointer.slice(1) || 'item'}: ${wrong.detail}`).join('; ')
  return { id: null, status: 'failed', code: 'invalid_input', detail }
}
