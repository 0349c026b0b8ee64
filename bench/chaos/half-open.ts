import { once } from 'node:events'
import net from 'node:net'

/** The server closes what it hears nothing of after this, as a network's own equipment does. */
const FORGOTTEN_MS = 5_000

/** A way to a server that can be cut without either end being told. */
export interface HalfOpenProxy {
  port: number
  /** Passes nothing on any more over the connections there are, and closes none; new ones are as before. How many. */
  cut(): number
  stop(): void
}

export async function startHalfOpenProxy(serverPort: number): Promise<HalfOpenProxy> {
  const pairs = new Set<{ client: net.Socket; server: net.Socket; isCut: boolean }>()
  const listener = net.createServer((client) => {
    const pair = { client, server: net.connect(serverPort, '127.0.0.1'), isCut: false }
    const { server } = pair
    pairs.add(pair)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('data', (bytes) => pair.isCut || to.write(bytes))
      // A reset ends the other side too, by the event that follows.
      from.on('error', () => from.destroy())
      from.on('close', () => {
        pairs.delete(pair)
        if (!pair.isCut) to.destroy()
      })
    }
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as net.AddressInfo).port,
    cut() {
      const cut = [...pairs].filter((pair) => !pair.isCut)
      for (const pair of cut) {
        pair.isCut = true
        setTimeout(() => pair.server.destroy(), FORGOTTEN_MS).unref()
      }
      return cut.length
    },
    stop() {
      listener.close()
      for (const { client, server } of pairs) {
        client.destroy()
        server.destroy()
      }
    },
  }
}
