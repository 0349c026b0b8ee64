import { invalid } from '../../base/errors.ts'
import { createBuiltinEmbedder } from './builtin.ts'
import { createHttpEmbedder, type Dialect } from './http-embedder.ts'
import { ollamaDialect } from './ollama.ts'
import { createOnnxEmbedder } from './onnx.ts'
import { openaiDialect } from './openai.ts'
import type { Embedder } from './port.ts'
import { serviceDialect } from './service.ts'
import { teiDialect } from './tei.ts'

export type { CachedEmbedder } from './cache.ts'
export { withVectorCache } from './cache.ts'
export type { Embedder, EmbedKind } from './port.ts'

/** Which embedder, and where. Each kind reads only what concerns it. */
export interface EmbedderConfig {
  kind: 'builtin' | 'service' | 'openai' | 'ollama' | 'tei' | 'onnx'
  /** Base URL of an HTTP embedder. Defaults: service `:8765`, ollama `:11434`, tei `:8080` on loopback; openai the vendor's. */
  url?: string
  /**
   * Required for onnx, and for openai at any other URL than the vendor's. `service` and `tei` ask their server, and
   * check a name given here against what it says.
   */
  model?: string
  /** Bearer token of an HTTP embedder. */
  apiKey?: string
  /** Worker threads of builtin (default one a core, at most 8) and onnx (default 1). */
  threads?: number
  /** Texts a request to an HTTP embedder, 1 to 256, default 32. */
  batchSizeMax?: number
  /** One request to an HTTP embedder, default 30,000; a query waits 5,000 at most. */
  timeoutMs?: number
}

type HttpKind = 'service' | 'openai' | 'ollama' | 'tei'

const OPENAI_URL = 'https://api.openai.com/v1'
const HTTP_KINDS: Record<HttpKind, { url: string; model?: string; dialect(url: string): Dialect }> = {
  service: { url: 'http://127.0.0.1:8765', dialect: serviceDialect },
  openai: { url: OPENAI_URL, dialect: openaiDialect },
  ollama: { url: 'http://127.0.0.1:11434', model: 'nomic-embed-text', dialect: ollamaDialect },
  tei: { url: 'http://127.0.0.1:8080', dialect: teiDialect },
}
const OPENAI_MODEL = 'text-embedding-3-small'
/** What an answer may hold of the largest vectors within the client's bound on bytes. */
const BATCH_SIZE_LIMIT = 256

/**
 * The embedder that `config` asks for. Does no I/O: a service that is down shows in the first call.
 *
 * @throws TurboError `invalid_input` for a configuration that cannot work
 */
export function createEmbedder(config: EmbedderConfig): Embedder {
  checkWhole('/threads', config.threads, 256)
  checkWhole('/batchSizeMax', config.batchSizeMax, BATCH_SIZE_LIMIT)
  checkWhole('/timeoutMs', config.timeoutMs, 3_600_000)
  if (config.kind === 'builtin') return createBuiltinEmbedder({ threads: config.threads })
  if (config.kind === 'onnx') {
    if (!config.model) throw invalid('/model', 'the onnx embedder needs a model: a folder or the id of a hub model')
    return createOnnxEmbedder({ model: config.model, threads: config.threads })
  }
  return createHttp(config, config.kind)
}

function createHttp(config: EmbedderConfig, kind: HttpKind): Embedder {
  const defaults = HTTP_KINDS[kind]
  const url = checkUrl(config.url ?? defaults.url)
  const model = config.model ?? defaults.model ?? (url === OPENAI_URL ? OPENAI_MODEL : undefined)
  if (kind === 'openai' && model === undefined) throw invalid('/model', 'the openai embedder at this URL needs a model')
  const { batchSizeMax, timeoutMs } = config
  return createHttpEmbedder(defaults.dialect(url), {
    url,
    model,
    apiKey: checkKey(config.apiKey),
    batchSizeMax,
    timeoutMs,
  })
}

function checkUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:')
    throw invalid('/url', 'expected an http or https URL')
  // The HTTP client would refuse it with a message that quotes it.
  if (parsed.username || parsed.password)
    throw invalid('/url', 'must not hold a user name or password; set the key instead')
  if (parsed.search || parsed.hash) throw invalid('/url', 'must not hold a query or a fragment')
  return url
}

/** Refuses what cannot be a header, which the HTTP client would quote in its error. */
function checkKey(key: string | undefined): string | undefined {
  const trimmed = key?.trim()
  if (!trimmed) return undefined
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw invalid('/apiKey', 'must be printable ASCII without spaces')
  return trimmed
}

function checkWhole(pointer: string, value: number | undefined, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= max)) return
  throw invalid(pointer, `expected a whole number from 1 to ${max}, got ${value}`)
}
