import type { Command } from 'commander'

/** A command as completion needs it. */
export interface CommandNode {
  /** Names from the first subcommand on; empty for the program itself. */
  path: string[]
  summary: string
  options: OptionNode[]
  commands: CommandNode[]
}

export interface OptionNode {
  long: string
  short: string | null
  summary: string
  takesValue: boolean
  choices: readonly string[]
}

/** The tree of commands below `command`; every one has the options of the program too. */
export function commandTree(command: Command, path: string[] = [], inherited: OptionNode[] = []): CommandNode {
  const own = command.options.flatMap(({ long, short, description, required, optional, argChoices }) => {
    if (!long) return []
    return [
      { long, short: short ?? null, summary: description, takesValue: required || optional, choices: argChoices ?? [] },
    ]
  })
  const options = [...own, ...inherited.filter(({ long }) => long !== '--version')]
  return {
    path,
    summary: command.description(),
    options,
    commands: command.commands.map((child) => commandTree(child, [...path, child.name()], options)),
  }
}

/** `node` and all below it, outermost first. */
export function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(flatten)]
}
