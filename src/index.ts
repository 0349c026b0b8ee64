/** The library's face: what is exported here is kept stable; everything else may change. */
export { type ErrorCode, type FieldError, isTurboError, TurboError } from './base/errors.ts'
export { createLog, type Log, type LogOptions } from './base/log.ts'
export { VERSION } from './base/version.ts'
export { type Config, type ConfigSources, loadConfig } from './config.ts'
export { createHttpServer, type Http, type HttpServerOptions } from './http/index.ts'
export type * from './knowledge/index.ts'
export { createTurbo, type Health, type Turbo, type TurboOptions } from './turbo.ts'
