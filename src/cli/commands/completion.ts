import { Argument, type Command } from 'commander'
import { type Bind, command } from '../command.ts'
import { completionScripts, type Shell } from '../completion/scripts.ts'
import { commandTree } from '../completion/tree.ts'

/** `completion`: scripts made from the tree of commands below `program`. */
export function completionCommand(bind: Bind, program: Command): Command {
  return command('completion', 'Print a script that completes commands and options in your shell', [
    'completion bash > ~/.local/share/bash-completion/completions/agent-turbo',
    'completion fish > ~/.config/fish/completions/agent-turbo.fish',
  ])
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(completionScripts)))
    .action(
      bind(async ({ terminal }, shell: Shell) => {
        const script = completionScripts[shell](commandTree(program)).trimEnd()
        await terminal.result({ shell, script }, () => script)
      }),
    )
}
