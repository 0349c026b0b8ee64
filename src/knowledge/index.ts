export { createEmbedder, type Embedder, type EmbedderConfig } from './embedders/index.ts'
export { createKnowledge, type Knowledge, type KnowledgeHealth, type KnowledgeOptions } from './knowledge.ts'
export type {
  EmbeddingSpaceStatus,
  EmbeddingsStatus,
  ExpireVanishedInput,
  KnowledgeService,
  ReembedStatus,
  UseEmbeddingsInput,
} from './service.ts'
export { countTokens } from './text/tokens.ts'
export type * from './types.ts'
