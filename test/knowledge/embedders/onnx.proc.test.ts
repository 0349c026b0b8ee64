import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOnnxEmbedder } from '../../../src/knowledge/embedders/onnx.ts'
import { describeEmbedder } from './conformance.ts'
import { writeTinyModel } from './tiny-onnx-model.ts'

/** Kept apart from the package's own dependencies: 470 MB that only this file needs. Installed once. */
const PEER_FOLDER = resolve('node_modules/.cache/agent-turbo/onnx-peer')
const PEER_ENTRY = join(PEER_FOLDER, 'node_modules/@huggingface/transformers/dist/transformers.node.mjs')
const INSTALL_TIMEOUT_MS = 600_000

const models = mkdtempSync(join(tmpdir(), 'agent-turbo-onnx-'))
const model = join(models, 'tiny')
const peer = pathToFileURL(PEER_ENTRY).href

beforeAll(async () => {
  writeTinyModel(model)
  if (existsSync(PEER_ENTRY)) return
  mkdirSync(PEER_FOLDER, { recursive: true })
  writeFileSync(join(PEER_FOLDER, 'package.json'), '{"private":true}')
  // The runtime's CPU binary is in its package; what its install script would download is for GPUs.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '@huggingface/transformers@4'], {
    cwd: PEER_FOLDER,
    env,
  })
}, INSTALL_TIMEOUT_MS)

afterAll(() => rmSync(models, { recursive: true, force: true }))

describeEmbedder('onnx', async () => ({ embedder: createOnnxEmbedder({ model, peer }) }))

describe('the onnx embedder', () => {
  it('computes in its own thread with the pooling of the table', async () => {
    const embedder = createOnnxEmbedder({ model, peer })
    const [ab, ba, ac] = await embedder.embed(['a b', 'b a', 'a c'], 'document')
    // A mean does not see order, and does see words.
    expect(ab).toEqual(ba)
    expect(ab).not.toEqual(ac)
    await embedder.stop()
  })

  it('says which model it could not load', async () => {
    mkdirSync(join(models, 'empty'))
    const embedder = createOnnxEmbedder({ model: join(models, 'empty'), peer })
    await expect(embedder.embed(['text'], 'query')).rejects.toMatchObject({
      code: 'embedder_unavailable',
      message: expect.stringContaining('empty'),
      next: expect.stringContaining('model_quantized.onnx'),
    })
    await embedder.stop()
  })
})
