import { describe, expect, it } from 'vitest'
import { createEmbedder, type EmbedderConfig } from '../../../src/knowledge/embedders/index.ts'

const KEY = 'sk-very-secret-0123456789'

describe('createEmbedder', () => {
  it.each<[EmbedderConfig, string]>([
    [{ kind: 'openai', url: 'http://127.0.0.1:1234' }, '/model'],
    [{ kind: 'onnx' }, '/model'],
    [{ kind: 'tei', url: 'tei.local' }, '/url'],
    [{ kind: 'tei', url: `http://user:${KEY}@127.0.0.1` }, '/url'],
    [{ kind: 'tei', url: `http://127.0.0.1/?key=${KEY}` }, '/url'],
    [{ kind: 'openai', apiKey: `${KEY}\nx: y` }, '/apiKey'],
    [{ kind: 'builtin', threads: 0 }, '/threads'],
    [{ kind: 'tei', batchSizeMax: 1.5 }, '/batchSizeMax'],
    [{ kind: 'tei', timeoutMs: -1 }, '/timeoutMs'],
  ])('refuses what cannot work, without quoting secrets (%#)', (config, pointer) => {
    let failure: unknown
    try {
      createEmbedder(config)
    } catch (error) {
      failure = error
    }
    expect(failure).toMatchObject({ code: 'invalid_input', errors: [{ pointer }] })
    expect(`${failure} ${JSON.stringify(failure)}`).not.toContain(KEY)
  })
})
