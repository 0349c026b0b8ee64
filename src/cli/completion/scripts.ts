import { type CommandNode, flatten } from './tree.ts'

const HELP = { long: '--help', short: '-h', summary: 'show this help', takesValue: false, choices: [] }

/** A completion script for each shell: names of commands and options; what they take is completed as file names. */
export const completionScripts = { bash, zsh, fish } as const

export type Shell = keyof typeof completionScripts

function bash(root: CommandNode): string {
  const cases = flatten(root).map((node) => {
    const words = [...node.commands.map(nameOf), ...optionsOf(node).map(({ long }) => long)]
    return `    '${keyOf(node)}') candidates='${words.join(' ')}' ;;`
  })
  return `# bash completion for agent-turbo: source it, or save it in ~/.local/share/bash-completion/completions/agent-turbo
_agent_turbo() {
  local path='' word candidates=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path/$word" in
      ${commandKeys(root)}) path="$path/$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _agent_turbo agent-turbo
`
}

function zsh(root: CommandNode): string {
  const cases = flatten(root).map((node) => {
    const commands = node.commands.map((child) => described(nameOf(child), child.summary))
    const options = optionsOf(node).map(({ long, summary }) => described(long, summary))
    return `    '${keyOf(node)}') candidates=(${[...commands, ...options].join(' ')}) ;;`
  })
  return `#compdef agent-turbo
# zsh completion for agent-turbo: save it as _agent-turbo in a folder of $fpath
_agent_turbo() {
  local at='' word
  local -a candidates
  for word in \${words[2,CURRENT-1]}; do
    case "$at/$word" in
      ${commandKeys(root)}) at="$at/$word" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  _describe 'agent-turbo' candidates || _files
}
if [ "$funcstack[1]" = "_agent_turbo" ]; then _agent_turbo; else compdef _agent_turbo agent-turbo; fi
`
}

function fish(root: CommandNode): string {
  const lines = flatten(root).flatMap((node) => {
    const commands = node.commands.map((child) => {
      const others = node.commands.map(nameOf).join(' ')
      return `complete -c agent-turbo -n ${quoted(conditionOf(node, root, others))} -f -a ${nameOf(child)} -d ${quoted(child.summary)}`
    })
    const options = optionsOf(node).map(({ long, short, summary, takesValue, choices }) => {
      const parts = [`complete -c agent-turbo -n ${quoted(conditionOf(node, root, ''))} -l ${long.slice(2)}`]
      if (short !== null) parts.push(`-s ${short.slice(1)}`)
      if (takesValue) parts.push(choices.length > 0 ? `-x -a ${quoted(choices.join(' '))}` : '-r')
      return [...parts, `-d ${quoted(summary)}`].join(' ')
    })
    return [...commands, ...options]
  })
  return `# fish completion for agent-turbo: save it as ~/.config/fish/completions/agent-turbo.fish
${lines.join('\n')}
`
}

/** When a fish completion applies: inside `node`, and in none of the commands named `others`. */
function conditionOf({ path }: CommandNode, root: CommandNode, others: string): string {
  if (path.length === 0) return '__fish_use_subcommand'
  // A name that is also one of a nested command, as list is, must not be taken for it.
  const holders = root.commands.filter(({ commands }) => commands.some((child) => nameOf(child) === path[0]))
  const conditions = path.map((name) => `__fish_seen_subcommand_from ${name}`)
  const excluded = path.length === 1 ? [others, ...holders.map(nameOf)].filter((name) => name !== '').join(' ') : ''
  if (excluded !== '') conditions.push(`not __fish_seen_subcommand_from ${excluded}`)
  return conditions.join('; and ')
}

function optionsOf({ options }: CommandNode) {
  return [...options, HELP]
}

function nameOf({ path }: CommandNode): string {
  return path.at(-1) ?? ''
}

/** `/keys/create`; empty for the program. */
function keyOf({ path }: CommandNode): string {
  return path.map((name) => `/${name}`).join('')
}

function commandKeys(root: CommandNode): string {
  return flatten(root)
    .map(keyOf)
    .filter((key) => key !== '')
    .join('|')
}

function described(name: string, summary: string): string {
  return quoted(`${name}:${summary.replaceAll(':', '\\:')}`)
}

/** For zsh and fish, whose single quotes differ only in how one is written inside; summaries have none of either. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`
}
