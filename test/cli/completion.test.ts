import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { completionScripts, type Shell } from '../../src/cli/completion/scripts.ts'
import { commandTree, flatten } from '../../src/cli/completion/tree.ts'
import { buildProgram } from '../../src/cli/program.ts'

const program = buildProgram(() => async () => undefined)
const tree = commandTree(program)

/** What bash would offer for the words of a line, the last one unfinished. */
function bashOffers(...words: string[]): string[] {
  const line = ['agent-turbo', ...words].map((word) => `'${word}'`).join(' ')
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _agent_turbo; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', `${completionScripts.bash(tree)}\n${ask}`], { encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((word) => word !== '')
}

describe('bash', () => {
  test('offers commands', () => {
    expect(bashOffers('ex')).toEqual(['export'])
    expect(bashOffers('')).toEqual(expect.arrayContaining(['serve', 'doctor', '--json']))
  })

  test('offers the commands of a command, also after a flag', () => {
    expect(bashOffers('keys', '')).toEqual(expect.arrayContaining(['create', 'list', 'revoke']))
    expect(bashOffers('--json', 'keys', 're')).toEqual(['revoke'])
  })

  test('offers the options of the command and of the program', () => {
    expect(bashOffers('query', 'question', '--mi')).toEqual(['--min-similarity'])
    expect(bashOffers('query', '--js')).toEqual(['--json'])
    expect(bashOffers('stats', '--mi')).toEqual([])
  })
})

describe.each(Object.keys(completionScripts) as Shell[])('%s', (shell) => {
  test('knows every command and every option', () => {
    const script = completionScripts[shell](tree)
    for (const { path, options } of flatten(tree)) {
      for (const name of path) expect(script).toContain(name)
      for (const { long } of options) expect(script).toContain(shell === 'fish' ? `-l ${long.slice(2)}` : long)
    }
  })

  test('has no quote left open', () => {
    for (const line of completionScripts[shell](tree).split('\n')) {
      if (line.startsWith('#')) continue
      expect((line.match(/'/g) ?? []).length % 2, line).toBe(0)
    }
  })
})

describe('fish', () => {
  test('tells a name at the top from the same name below another command', () => {
    const script = completionScripts.fish(tree)
    expect(script).toMatch(
      /'__fish_seen_subcommand_from list; and not __fish_seen_subcommand_from [\w ]*keys' -l cursor/,
    )
    expect(script).toContain(
      "'__fish_seen_subcommand_from keys; and not __fish_seen_subcommand_from create list revoke' -f -a create",
    )
  })
})

describe('the tree', () => {
  test('every command has a summary and two examples that it accepts', () => {
    const leaves = flatten(tree).filter(({ commands }) => commands.length === 0)
    expect(leaves.length).toBeGreaterThan(15)
    for (const { path, summary } of leaves) {
      expect(summary, path.join(' ')).not.toBe('')
      let found = program
      for (const name of path) found = found.commands.find((child) => child.name() === name) ?? found
      let help = ''
      found.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
      expect(help.match(/^ {2}(\$|gunzip)/gm)?.length, path.join(' ')).toBeGreaterThanOrEqual(2)
    }
  })
})
