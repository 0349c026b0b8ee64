import { VERSION } from '../../base/version.ts'
import { type CommandFactory, command } from '../command.ts'

/** `version`: of this program. */
export const versionCommand: CommandFactory = (bind) =>
  command('version', 'Print the version', ['version', 'version --json']).action(
    bind(async ({ terminal }) => {
      await terminal.result({ version: VERSION, node: process.version }, ({ version }) => version)
    }),
  )
