import { z } from 'zod'
import { SCOPES } from '../access/index.ts'
import { id, instant, name } from './fields.ts'
import { defineOperation } from './operation.ts'

const scopes = () => z.array(z.enum(SCOPES)).min(1, 'must not be empty').max(SCOPES.length)

const keyFields = {
  id: id(),
  name: z.string(),
  prefix: z.string().describe('The first characters of the key.'),
  scopes: z.array(z.enum(SCOPES)),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
  last_used_at: z.string().nullable().describe('To the minute.'),
}

export const createApiKey = defineOperation({
  name: 'createApiKey',
  summary: 'Makes an API key. The key is in this answer and nowhere else.',
  scope: 'admin',
  input: z.strictObject({
    name: name().describe('Who or what uses it.'),
    scopes: scopes().default(['read', 'write']).describe('admin includes the others.'),
    expires_at: instant().optional(),
  }),
  output: z.strictObject({ key: z.string(), ...keyFields }),
  http: { method: 'POST', path: '/v1/keys', status: 201, replayable: false },
  run: (turbo, input) => turbo.access.createKey(input),
})

export const listApiKeys = defineOperation({
  name: 'listApiKeys',
  summary: 'All API keys, without the keys themselves, newest first.',
  scope: 'admin',
  input: z.strictObject({}),
  output: z.strictObject({ keys: z.array(z.strictObject(keyFields)) }),
  http: { method: 'GET', path: '/v1/keys', status: 200 },
  run: async (turbo) => ({ keys: await turbo.access.listKeys() }),
})

export const revokeApiKey = defineOperation({
  name: 'revokeApiKey',
  summary: 'Ends an API key: at once in this process, within 5 seconds in others.',
  scope: 'admin',
  input: z.strictObject({ id: id() }),
  output: z.strictObject({ id: id(), revoked: z.literal(true) }),
  http: { method: 'DELETE', path: '/v1/keys/{id}', status: 200 },
  run: (turbo, { id }) => turbo.access.revokeKey(id),
})
