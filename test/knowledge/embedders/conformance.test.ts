import { createEmbedder, type EmbedderConfig, withVectorCache } from '../../../src/knowledge/embedders/index.ts'
import { describeEmbedder } from './conformance.ts'
import { type DialectName, type StandInOptions, startStandIn } from './stand-ins.ts'

function describeHttp(name: string, dialect: DialectName, config: EmbedderConfig, options?: StandInOptions): void {
  describeEmbedder(name, async () => {
    const standIn = await startStandIn(dialect, options)
    return { embedder: createEmbedder({ ...config, url: standIn.url }), stop: () => standIn.stop() }
  })
}

describeEmbedder('builtin', async () => ({ embedder: createEmbedder({ kind: 'builtin', threads: 2 }) }))
describeEmbedder('cached builtin', async () => ({
  embedder: withVectorCache(createEmbedder({ kind: 'builtin', threads: 1 })),
}))
describeHttp('service', 'service', { kind: 'service' })
describeHttp('service with /embed/batch', 'service-embed-batch', { kind: 'service' })
describeHttp('service without batches or names', 'service-bare', { kind: 'service' })
describeHttp('openai', 'openai', { kind: 'openai', model: 'stand-in-model', apiKey: 'sk-1' }, { apiKey: 'sk-1' })
describeHttp('ollama', 'ollama', { kind: 'ollama' }, { dimensions: 768 })
describeHttp('tei', 'tei', { kind: 'tei' })
describeHttp('tei with small batches', 'tei', { kind: 'tei' }, { batchSizeMax: 5 })
