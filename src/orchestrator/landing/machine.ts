import { plain } from './text.ts'

const TEXT_CHARS = 60
const GPUS_MAX = 4

/**
 * A machine's facts in one line: `Debian 12, 8 x Xeon, 32 GB, NVIDIA A100`. Facts may come from anyone, so what is not of
 * the form that a host measures of itself is left out; undefined where nothing is left.
 */
export function machineOf({ os, cpu, cores, ram_gb: ramGb, gpus }: Record<string, unknown>): string | undefined {
  const parts = [
    textOf(os),
    typeof cores === 'number' && textOf(cpu) !== undefined ? `${cores} x ${textOf(cpu)}` : textOf(cpu),
    typeof ramGb === 'number' ? `${ramGb} GB` : undefined,
    ...(Array.isArray(gpus) ? gpus.slice(0, GPUS_MAX).map(textOf) : []),
  ]
  const known = parts.filter((part) => part !== undefined)
  return known.length === 0 ? undefined : known.join(', ')
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? plain(value, TEXT_CHARS) : undefined
}
