import { describe, expect, it } from 'vitest'
import { modelTraits, sameModel, withPrefix } from '../../../src/knowledge/embedders/models.ts'

describe('the table of models', () => {
  it.each([
    ['BAAI/bge-base-en-v1.5', 'bge', 'cls', 768],
    ['bge-small-en', 'bge', 'cls', 384],
    ['bge-m3:latest', 'none', 'cls', 1024],
    ['BAAI/bge-m3', 'none', 'cls', 1024],
    ['intfloat/multilingual-e5-small', 'e5', 'mean', 384],
    ['e5-large-v2', 'e5', 'mean', 1024],
    ['intfloat/multilingual-e5-large-instruct', 'e5-instruct', 'mean', 1024],
    ['text-embedding-nomic-embed-text-v1.5', 'nomic', 'mean', 768],
    ['nomic-embed-text', 'nomic', 'mean', 768],
    ['Nomic-Embed-Text:v1.5', 'nomic', 'mean', 768],
    ['Qwen/Qwen3-Embedding-0.6B', 'qwen3', 'last_token', 1024],
    ['qwen3-embedding:4b', 'qwen3', 'last_token', 2560],
    ['qwen3-embedding', 'qwen3', 'last_token', undefined],
    ['google/embeddinggemma-300m', 'embeddinggemma', 'mean', 768],
    ['embeddinggemma:300m', 'embeddinggemma', 'mean', 768],
    ['sentence-transformers/all-MiniLM-L6-v2', 'none', 'mean', 384],
    ['all-minilm:33m', 'none', 'mean', 384],
    ['text-embedding-3-small', 'none', 'mean', 1536],
    ['text-embedding-3-large', 'none', 'mean', 3072],
    ['text-embedding-ada-002', 'none', 'mean', 1536],
    ['/models/bge-large-en-v1.5', 'bge', 'cls', 1024],
    ['universal-sentence-encoder-lite', 'none', 'mean', 512],
  ])('knows %s', (name, prefixScheme, pooling, dimensions) => {
    const traits = modelTraits(name)
    expect([traits.prefixes.name, traits.pooling, traits.dimensions]).toEqual([prefixScheme, pooling, dimensions])
  })

  it.each([
    'my-own-model',
    'e5-mistral-7b-instruct',
    'bge-base-zh-v1.5',
    'nomic-embed-code',
    'nomic-embed-texture',
    '',
  ])('does not claim to know %j', (name) => {
    const { prefixes, dimensions, maxTokens, worth } = modelTraits(name)
    expect([prefixes.name, dimensions, maxTokens, worth]).toEqual(['none', undefined, 512, 1])
  })

  it('leaves room for the other vocabulary within a short context', () => {
    expect(modelTraits('all-minilm').maxTokens).toBe(192)
    expect(modelTraits('bge-base-en-v1.5').maxTokens).toBe(384)
    expect(modelTraits('bge-m3').maxTokens).toBe(512)
  })

  it.each([
    ['bge-base-en-v1.5', 'Represent this sentence for searching relevant passages: q', 'd'],
    ['e5-base', 'query: q', 'passage: d'],
    ['nomic-embed-text', 'search_query: q', 'search_document: d'],
    [
      'qwen3-embedding',
      'Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:q',
      'd',
    ],
    ['embeddinggemma', 'task: search result | query: q', 'title: none | text: d'],
    ['bge-m3', 'q', 'd'],
  ])('%s reads prefixed text', (name, query, document) => {
    const { prefixes } = modelTraits(name)
    expect(withPrefix(prefixes, 'query', 'q')).toBe(query)
    expect(withPrefix(prefixes, 'document', 'd')).toBe(document)
  })

  it('gives one scheme name one pair of prefixes', () => {
    const names = ['bge-m3', 'bge-base-en', 'e5-base', 'nomic-embed-text', 'qwen3-embedding', 'embeddinggemma', 'other']
    const schemes = names.map((name) => modelTraits(name).prefixes)
    expect(new Set(schemes.map((scheme) => scheme.name)).size).toBe(new Set(schemes).size)
  })

  it.each([
    ['BAAI/bge-m3', 'bge-m3:latest', true],
    ['text-embedding-nomic-embed-text-v1.5', 'nomic-ai/nomic-embed-text-v1.5', true],
    ['nomic-embed-text-v1', 'nomic-embed-text-v1.5', false],
    ['qwen3-embedding:0.6b', 'qwen3-embedding:4b', false],
  ])('%s and %s are the same model: %s', (a, b, same) => {
    expect(sameModel(a, b)).toBe(same)
  })
})
