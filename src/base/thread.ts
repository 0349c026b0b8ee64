import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * Starts `<name>` beside the calling module as a worker thread: the compiled `.js` from `dist`, the `.ts` source
 * (through tsx) when the caller itself runs from source, as tests and scripts do.
 *
 * @param callerUrl `import.meta.url` of the caller
 * @param name module name relative to the caller without its extension, e.g. `./pglite-thread`
 */
export function startThread(callerUrl: string, name: string, options: WorkerOptions = {}): Worker {
  if (!callerUrl.endsWith('.ts')) return new Worker(new URL(`${name}.js`, callerUrl), options)
  const entry = new URL(`${name}.ts`, callerUrl).href
  const tsx = createRequire(callerUrl).resolve('tsx/esm/api')
  const loader = `import { register } from ${JSON.stringify(new URL('./index.mjs', pathToFileURL(tsx)).href)}; register(); await import(${JSON.stringify(entry)})`
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(loader)}`), options)
}
