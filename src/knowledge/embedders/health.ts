import { isTurboError, messageOf } from '../../base/errors.ts'
import type { EmbedderHealth } from './port.ts'

/** Health by a check that throws, with the next step, when the embedder cannot work. */
export async function healthOf(check: () => Promise<unknown>): Promise<EmbedderHealth> {
  try {
    await check()
    return { reachable: true }
  } catch (error) {
    const next = isTurboError(error) && error.next ? `. ${error.next}` : ''
    return { reachable: false, detail: `${messageOf(error)}${next}` }
  }
}
