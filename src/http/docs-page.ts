import { createHash } from 'node:crypto'
import { html, raw } from 'hono/html'
import type { JsonSchema, OpenApiDocument, OpenApiOperation, OpenApiParameter } from './openapi.ts'

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: #8884; --soft: #8881; --accent: #0a7d55 }
@media (prefers-color-scheme: dark) { :root { --accent: #4cc79a } }
body { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem }
h1 { margin: 0 } h2 { margin: 3rem 0 .25rem; font-size: 1.05rem; font-family: ui-monospace, monospace; overflow-wrap: anywhere }
h2 b { color: var(--accent) } nav { columns: 16rem; margin: 1.5rem 0 } nav a { display: block; color: inherit }
table { border-collapse: collapse; width: 100%; font-size: .9rem } td, th { border-bottom: 1px solid var(--line); padding: .35rem .5rem; text-align: left; vertical-align: top }
code, pre { font-family: ui-monospace, monospace; font-size: .85rem } pre { background: var(--soft); padding: .75rem; overflow-x: auto }
summary { cursor: pointer; margin: .5rem 0 } small { opacity: .75 }
`

/** The page runs no script and loads nothing; the browser is told so. */
export const DOCS_POLICY: Record<string, string> = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
}

/** The API for a reader: every operation with its fields, an example for curl and the shape of the answer. */
export function docsPage(document: OpenApiDocument): string {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  return String(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${document.info.title} API</title><style>${raw(STYLE)}</style></head>
<body>
<h1>${document.info.title} <small>${document.info.version}</small></h1>
<p>${document.info.description} Machine-readable: <a href="/openapi.json">/openapi.json</a>.</p>
<nav>${entries.map(({ operation }) => html`<a href="#${operation.operationId}">${operation.summary.split('.')[0]}</a>`)}</nav>
${entries.map(({ path, method, operation }) => section(path, method, operation))}
<h2 id="errors">Errors</h2>
<p>Failed requests are answered with application/problem+json. Branch on <code>code</code>, show <code>detail</code> and <code>next</code>.</p>
</body></html>`)
}

function section(path: string, method: string, operation: OpenApiOperation) {
  const body = operation.requestBody?.content['application/json']?.schema
  const rows = [...operation.parameters.filter((parameter) => 'name' in parameter).map(parameterRow), ...bodyRows(body)]
  const success = Object.values(operation.responses)[0] as { content: Record<string, { schema: JsonSchema }> }
  return html`
<h2 id="${operation.operationId}"><b>${method}</b> ${path}</h2>
<p>${operation.summary} <small>${operation.description}</small></p>
${rows.length > 0 ? html`<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>${rows}</table>` : ''}
<pre>${curlOf(path, method, operation.parameters, body)}</pre>
<details><summary>Answer</summary><pre>${JSON.stringify(success.content['application/json']?.schema, null, 2)}</pre></details>`
}

function parameterRow({ name, in: place, required, description, schema }: OpenApiParameter) {
  return row(name, schema, required, `${description ?? ''} (${place})`)
}

function bodyRows(schema: JsonSchema | undefined) {
  return Object.entries(schema?.properties ?? {}).map(([name, field]) =>
    row(name, field, (schema?.required ?? []).includes(name), field.description ?? ''),
  )
}

function row(name: string, schema: JsonSchema, required: boolean, meaning: string) {
  const isDefaulted = schema.default !== undefined
  const note = isDefaulted ? `Default: ${JSON.stringify(schema.default)}.` : required ? 'Required.' : ''
  return html`<tr><td><code>${name}</code></td><td>${typeOf(schema)}</td><td>${meaning} ${note}</td></tr>`
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map(String).join(' | ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`
  return [schema.type ?? 'any'].flat().join(' or ')
}

/** A command that works as it stands against a server on this machine, once ids are filled in. */
function curlOf(
  path: string,
  method: string,
  parameters: OpenApiOperation['parameters'],
  body: JsonSchema | undefined,
): string {
  const query = parameters
    .filter((parameter) => 'name' in parameter)
    .filter((parameter) => parameter.in === 'query' && parameter.required)
    .map(({ name, schema }) => `${name}=${encodeURIComponent(String(sampleOf(name, schema)))}`)
  const url = path.replaceAll(/\{\w+\}/g, '1') + (query.length > 0 ? `?${query.join('&')}` : '')
  const verb = method === 'GET' ? '' : ` -X ${method}`
  const data =
    body === undefined
      ? ''
      : ` \\\n  -H 'content-type: application/json' \\\n  -d '${JSON.stringify(requiredSample(body)).replaceAll("'", "'\\''")}'`
  return `curl -s${verb} http://127.0.0.1:8780${url}${data}`
}

function requiredSample(schema: JsonSchema): Record<string, unknown> {
  const required = (schema.required ?? []).filter((name) => schema.properties?.[name]?.default === undefined)
  return Object.fromEntries(required.map((name) => [name, sampleOf(name, schema.properties?.[name] ?? {})]))
}

function sampleOf(name: string, schema: JsonSchema): unknown {
  if (schema.examples !== undefined) return schema.examples[0]
  if (schema.type === 'array') return [sampleOf(name, schema.items ?? {})]
  if (schema.properties !== undefined) return requiredSample(schema)
  if (schema.type === 'integer' || schema.type === 'number') return 1
  return name
}
