import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { arch, availableParallelism, cpus, platform, release, totalmem, version } from 'node:os'
import { VERSION } from '../../base/version.ts'
import type { NodeFacts } from './types.ts'

/** A tool that hangs, as drivers do, must not keep the host from telling what else it is. */
const TOOL_MS = 3_000
const TOOL_OUTPUT_BYTES_MAX = 1_000_000

/** What this machine is. Never fails: what cannot be measured is left out. */
export async function measureHost(store: { postgresql: string; pgvector: string | null }): Promise<NodeFacts> {
  const [os, gpus] = await Promise.all([operatingSystem(), graphics()])
  const { postgresql, pgvector } = store
  return {
    os,
    kernel: release(),
    architecture: arch(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    ramGb: Math.round(totalmem() / 1e8) / 10,
    gpus,
    versions: {
      node: process.versions.node,
      'agent-turbo': VERSION,
      postgresql,
      ...(pgvector === null ? {} : { pgvector }),
    },
  }
}

/** The distribution on Linux, else what the system calls itself. */
async function operatingSystem(): Promise<string> {
  if (platform() === 'darwin') {
    const product = await output('sw_vers', ['-productVersion'])
    if (product !== null) return `macOS ${product.trim()}`
  }
  if (platform() === 'linux') {
    const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
    const name = /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(text)?.[1]
    if (name !== undefined) return name
  }
  return version()
}

/** Models of graphics processors, from the tools of those who make them. */
async function graphics(): Promise<string[]> {
  if (platform() === 'darwin') {
    return modelsOfSystemProfiler(await output('system_profiler', ['SPDisplaysDataType', '-json']))
  }
  return linesOf(await output('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader']))
}

function linesOf(text: string | null): string[] {
  return (text ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** `sppci_model` of each display in the JSON of `system_profiler`. */
export function modelsOfSystemProfiler(json: string | null): string[] {
  try {
    const { SPDisplaysDataType: displays = [] } = JSON.parse(json ?? '{}') as {
      SPDisplaysDataType?: { sppci_model?: string }[]
    }
    return displays.flatMap(({ sppci_model: model }) => (model === undefined ? [] : [model]))
  } catch {
    // A tool that answers something else tells nothing of graphics: the other facts stand.
    return []
  }
}

/** Standard output of a tool; null where there is no such tool, it fails or takes too long. */
function output(tool: string, args: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(
      tool,
      args,
      { timeout: TOOL_MS, killSignal: 'SIGKILL', maxBuffer: TOOL_OUTPUT_BYTES_MAX, windowsHide: true },
      (error, stdout) => resolve(error === null ? stdout : null),
    )
  })
}
