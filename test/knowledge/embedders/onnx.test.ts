import { afterEach, describe, expect, it } from 'vitest'
import type { Embedder } from '../../../src/knowledge/embedders/index.ts'
import { createOnnxEmbedder } from '../../../src/knowledge/embedders/onnx.ts'

let embedder: Embedder

afterEach(() => embedder.stop())

describe('the onnx embedder without its optional package', () => {
  it('says what to install', async () => {
    embedder = createOnnxEmbedder({ model: 'some-model', peer: 'agent-turbo-no-such-package' })
    await expect(embedder.embed(['text'], 'query')).rejects.toMatchObject({
      code: 'embedder_unavailable',
      message: expect.stringContaining('not installed'),
      next: expect.stringContaining('npm install @huggingface/transformers'),
    })
    expect(await embedder.health()).toMatchObject({ reachable: false, detail: expect.stringContaining('npm install') })
  })
})
