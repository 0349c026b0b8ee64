import { createColors } from 'picocolors'
import { expect, test } from 'vitest'
import { renderNode, renderNodes, renderService, renderServices } from '../../src/cli/render/nodes.ts'
import type { OutputOf } from '../../src/client/index.ts'

const plain = { style: createColors(false), width: 100 }
const seen = { createdAt: '2026-11-20T13:55:56.123456Z', lastSeen: '2026-11-21T13:55:56.123456Z' }

const node: OutputOf<'getNode'> = {
  ...{ name: 'alpha', role: 'worker', status: 'active' },
  facts: { os: 'Debian 12', cores: 8, ram_gb: 32, gpus: ['A100', 'A100'], versions: { node: '20.20.2' } },
  ...seen,
}
const service: OutputOf<'getService'> = {
  ...{ name: 'postgres', node: 'alpha', type: 'database', url: null, port: 5432, version: '17', status: 'degraded' },
  ...{ detail: 'slow\u001b[2J', metadata: { primary: true } },
  ...seen,
}

test('nodes and services are tables', () => {
  expect(renderNodes({ nodes: [node] }, plain).split('\n')).toEqual([
    'node   role    status  system     cores  GB  last seen (UTC)',
    'alpha  worker  active  Debian 12  8      32  2026-11-21 13:55',
  ])
  expect(renderServices({ services: [service] }, plain).split('\n')).toEqual([
    'service   type      status    node   address  version  last seen (UTC)',
    'postgres  database  degraded  alpha  5432     17       2026-11-21 13:55',
  ])
})

test('where there are none it says how to make one', () => {
  expect(renderNodes({ nodes: [] }, plain)).toContain('agent-turbo serve')
  expect(renderServices({ services: [] }, plain)).toContain('agent-turbo service put <name>')
})

test('one is shown with all of its facts, and cannot steer the terminal', () => {
  const shown = renderNode(node, plain)
  expect(shown).toContain('gpus        A100, A100')
  expect(shown).toContain('versions    node 20.20.2')
  expect(renderService(service, plain)).toContain('status      degraded: slow\u{fffd}[2J')
})
