import type { Command } from 'commander'
import { VERSION } from '../base/version.ts'
import { type Bind, type CommandFactory, plainCommand } from './command.ts'
import { addCommand } from './commands/add.ts'
import { artifactCommand } from './commands/artifact.ts'
import { auditCommand } from './commands/audit.ts'
import { completionCommand } from './commands/completion.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { documentsCommand } from './commands/documents.ts'
import { embeddingsCommand } from './commands/embeddings.ts'
import { exportCommand } from './commands/export.ts'
import { forgetCommand } from './commands/forget.ts'
import { importCommand } from './commands/import.ts'
import { ingestCommand } from './commands/ingest.ts'
import { keysCommand } from './commands/keys.ts'
import { landingCommand } from './commands/landing.ts'
import { listCommand } from './commands/list.ts'
import { nodeCommand } from './commands/node.ts'
import { queryCommand } from './commands/query.ts'
import { serveCommand } from './commands/serve.ts'
import { serviceCommand } from './commands/service.ts'
import { sessionCommand } from './commands/session.ts'
import { showCommand } from './commands/show.ts'
import { sourcesCommand } from './commands/sources.ts'
import { statsCommand } from './commands/stats.ts'
import { taskCommand } from './commands/task.ts'
import { versionCommand } from './commands/version.ts'
import { workerCommand } from './commands/worker.ts'
import { workersCommand } from './commands/workers.ts'

const COMMANDS: readonly CommandFactory[] = [
  serveCommand,
  workerCommand,
  addCommand,
  queryCommand,
  listCommand,
  showCommand,
  forgetCommand,
  ingestCommand,
  documentsCommand,
  sourcesCommand,
  exportCommand,
  importCommand,
  landingCommand,
  nodeCommand,
  serviceCommand,
  taskCommand,
  workersCommand,
  statsCommand,
  sessionCommand,
  artifactCommand,
  auditCommand,
  keysCommand,
  embeddingsCommand,
  doctorCommand,
  demoCommand,
  versionCommand,
]

const AFTER_HELP = `
Where a command runs: on the server at --url or AGENT_TURBO_URL; else on the database at DATABASE_URL; else on the
server that has the data folder; else it opens the data folder itself.

Exit codes: 0 done · 1 failed · 2 bad usage or input · 3 not found · 4 conflict · 5 unavailable · 130 interrupted

Examples:
  $ agent-turbo add "The pool holds ten connections" --type fact
  $ agent-turbo query "how many connections"`

/** The tree of all commands. */
export function buildProgram(bind: Bind): Command {
  const program = plainCommand('agent-turbo', 'One shared memory for fleets of coding agents.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--json', 'results as JSON on standard output, errors as JSON on standard error')
    .option('--url <url>', 'the server to use (AGENT_TURBO_URL; its key is in AGENT_TURBO_API_KEY)')
    .option('--data <folder>', 'the data folder of the embedded store to use (AGENT_TURBO_DATA)')
    .option('-v, --verbose', 'log to standard error what an opened store does')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', AFTER_HELP)
  for (const make of COMMANDS) program.addCommand(make(bind))
  return program.addCommand(completionCommand(bind, program))
}
