import { createLog } from '../../../src/base/log.ts'
import { loadConfig } from '../../../src/config.ts'
import { createHttpServer } from '../../../src/http/index.ts'
import { createTurbo } from '../../../src/turbo.ts'

/** A server configured by the environment alone. Says its URL once it answers, and ends in order on SIGTERM. */
const config = loadConfig()
const log = createLog({ level: config.log.level })
const turbo = await createTurbo(config, { log })
await turbo.start()
const http = createHttpServer({ turbo, config: config.http, log })
const { url } = await http.start()
turbo.store.announce(url)
process.stdout.write(`${url}\n`)
process.once('SIGTERM', async () => {
  await http.stop()
  await turbo.stop()
  process.exit(0)
})
