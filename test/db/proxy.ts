import { once } from 'node:events'
import net from 'node:net'

export interface Proxy {
  port: number
  /** Passes nothing on any more but keeps connections open, as a host does whose network is cut. */
  fallSilent(): void
  /** Does not pass on any more that the server has hung up, as where that comes much later than its last word. */
  hideHangUps(): void
  stop(): void
}

/** Passes connections on to a server on loopback. */
export async function startProxy(serverPort: number, port = 0): Promise<Proxy> {
  const sockets = new Set<net.Socket>()
  let isSilent = false
  let hidesHangUps = false
  const listener = net.createServer((client) => {
    const server = net.connect(serverPort, '127.0.0.1')
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => isSilent || to.write(bytes))
      from.on('error', () => to.destroy())
      from.on('close', () => (from === server && hidesHangUps) || to.destroy())
    }
  })
  listener.listen(port, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as net.AddressInfo).port,
    fallSilent: () => {
      isSilent = true
    },
    hideHangUps: () => {
      hidesHangUps = true
    },
    stop: () => {
      listener.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
