import { open } from 'node:fs/promises'

const POLL_MS = 50
const CHUNK_BYTES = 256 * 1024

export interface FollowedFile {
  /** Reads what is left, once nobody writes any more, and ends. */
  finish(): Promise<void>
}

/**
 * Reads a file while a program appends to it.
 *
 * Output goes through a file because Claude Code, made with Bun as OpenCode is, does not wait for a pipe: what the reader
 * has not taken when it exits is lost, the result among it. Measured with 2.1.197: of an output of 6 MB a pipe got between
 * 0.5 and 2.9 MB with exit code 0, a file got all of it.
 */
export async function followFile(path: string, onData: (chunk: Buffer) => void): Promise<FollowedFile> {
  const file = await open(path, 'r')
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let position = 0
  const readOn = async () => {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, position)
      if (bytesRead === 0) return
      position += bytesRead
      // A copy, as the buffer is filled again while parts of it are still being kept.
      onData(Buffer.from(buffer.subarray(0, bytesRead)))
    }
  }
  let reading: Promise<unknown> | null = null
  let failure: unknown
  const timer = setInterval(() => {
    reading ??= readOn()
      .catch((error: unknown) => {
        failure ??= error
      })
      .finally(() => {
        reading = null
      })
  }, POLL_MS)
  return {
    async finish() {
      clearInterval(timer)
      await reading
      try {
        if (failure !== undefined) throw failure
        await readOn()
      } finally {
        await file.close()
      }
    },
  }
}
