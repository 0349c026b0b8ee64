import { TurboError } from '../base/errors.ts'
import type { Config, SettingName } from '../config.ts'

/** Flags that every command takes. */
export interface GlobalFlags {
  json?: boolean
  verbose?: boolean
  url?: string
  data?: string
}

/**
 * The configuration with the flags of this command line. A server or a folder that is named by a flag wins over
 * whatever the environment says about where the store is.
 *
 * @throws TurboError `invalid_input` as `loadConfig`
 */
export async function resolveConfig(
  { url, data }: GlobalFlags,
  more: Partial<Record<SettingName, string | number>> = {},
): Promise<Config> {
  if (url !== undefined && data !== undefined) {
    throw new TurboError('invalid_input', '--url and --data name two different stores', { next: 'Give one of them.' })
  }
  const { loadConfig } = await import('../config.ts')
  const config = loadConfig({ flags: { AGENT_TURBO_URL: url, AGENT_TURBO_DATA: data, ...more } })
  if (data === undefined) return config
  return {
    ...config,
    client: { ...config.client, url: undefined },
    database: { ...config.database, url: undefined },
  }
}
