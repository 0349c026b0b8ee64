import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase } from '../../src/db/index.ts'

/** A message of PostgreSQL's wire protocol: its letter, its length, its body. */
function message(letter: string, body: Buffer | string): Buffer {
  const head = Buffer.alloc(5, letter)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, Buffer.from(body)])
}

const ready = message('Z', 'I')
const loggedIn = Buffer.concat([message('R', Buffer.alloc(4)), ready])
/** One column `read_only` of type boolean (16), one row that says `f`. */
const columns = message(
  'T',
  Buffer.concat([Buffer.from('\0\x01read_only\0'), Buffer.from('000000000000000000100001ffffffff0000', 'hex')]),
)
const writable = Buffer.concat([columns, message('D', '\0\x01\0\0\0\x01f'), message('C', 'SELECT 1\0'), ready])

let server: net.Server
const open = new Set<net.Socket>()

beforeEach(async () => {
  server = net.createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => undefined)
    socket.once('data', (startup) => {
      socket.write(loggedIn)
      // Who asks whether the host is writable hears yes; every other connection hears nothing after its login.
      if (startup.includes('agent-turbo-probe')) socket.on('data', (data) => data[0] === 0x51 && socket.write(writable))
      else socket.resume()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(() => {
  for (const socket of open) socket.destroy()
  server.close()
})

it('a server that logs in and then hangs holds a caller for no longer than a connection may take', async () => {
  const { port } = server.address() as AddressInfo
  const startedMs = performance.now()
  await expect(openDatabase({ url: `postgres://u@127.0.0.1:${port}/d` })).rejects.toMatchObject({ code: 'unavailable' })
  const tookMs = performance.now() - startedMs
  expect(tookMs).toBeGreaterThan(4_000)
  expect(tookMs).toBeLessThan(10_000)
}, 20_000)
