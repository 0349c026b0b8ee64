import { type CommandFactory, command } from '../command.ts'
import type { Check } from '../doctor/report.ts'
import { EXIT } from '../exit.ts'
import { renderCheck } from '../render/doctor.ts'

/** `doctor`: looks whether everything works. */
export const doctorCommand: CommandFactory = (bind) =>
  command('doctor', 'Check everything this program needs, and say what to do; leaves nothing behind', [
    'doctor',
    'doctor --url http://127.0.0.1:8780 --json',
  ]).action(
    bind(async (context) => {
      const { terminal, signal, flags } = context
      const { examine } = await import('../doctor/doctor.ts')
      const checks: Check[] = []
      await examine(await context.config(), { signal, verbose: flags.verbose }, async (check) => {
        checks.push(check)
        if (!terminal.isJson) await terminal.print(renderCheck(check, terminal.view))
      })
      const failed = checks.filter(({ status }) => status === 'fail').length
      if (terminal.isJson) await terminal.print(JSON.stringify({ ok: failed === 0, checks }))
      if (failed > 0) context.exitCode = EXIT.failure
    }),
  )
