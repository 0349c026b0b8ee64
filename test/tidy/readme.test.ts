import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, test } from 'vitest'
import { buildProgram } from '../../src/cli/program.ts'
import { loadConfig } from '../../src/config.ts'
import { operations } from '../../src/operations/index.ts'
import { commandsIn, linkedFiles, settingsIn } from './documents.ts'
import { readSources, repository } from './source.ts'

const read = (path: string) => readFileSync(`${repository}/${path}`, 'utf8')
const readme = read('README.md')
const manifest = JSON.parse(read('package.json')) as Record<'scripts' | 'dependencies' | 'peerDependencies', object>
const documents = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...['docs', 'docs/decisions'].flatMap((folder) =>
    readdirSync(`${repository}/${folder}`).flatMap((name) => (name.endsWith('.md') ? [`${folder}/${name}`] : [])),
  ),
]

/** What is about the service itself and not a verb. */
const servicePaths = ['/docs', '/openapi.json', '/readyz', '/metrics']

test('the README begins with what to run and what to test with', () => {
  const [run, check] = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block)
  expect([run, check]).toEqual(['npm install && npm start\n', 'npm install && npm test\n'])
})

test.each(documents)('%s: every npm script it runs exists', (path) => {
  const named = commandsIn(read(path)).flatMap(({ words: [program, verb = '', script = ''] }) => {
    if (program !== 'npm' || ['install', 'ci', 'pack', 'link'].includes(verb)) return []
    return [verb === 'run' ? script : verb]
  })
  const mentioned = [...read(path).matchAll(/`npm run ([\w:-]+)/g)].map(([, script = '']) => script)
  expect([...named, ...mentioned].filter((script) => !(script in manifest.scripts))).toEqual([])
})

test('every npm script that the code names exists', () => {
  const named = readSources('src', 'scripts', 'bench', 'test/harness').flatMap(({ path, text }) =>
    [...text.matchAll(/`npm run ([\w:-]+)/g)].map(([, script = '']) => ({ path, script })),
  )
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter(({ script }) => !(script in manifest.scripts))).toEqual([])
})

test.each(documents)('%s: every file it links to exists', (path) => {
  const targets = linkedFiles(read(path)).map((target) => posix.join(posix.dirname(path), target))
  expect(targets.filter((target) => !existsSync(`${repository}/${target}`))).toEqual([])
})

test.each(documents)('%s: every command and flag of agent-turbo that it shows exists', (path) => {
  const shown = commandsIn(read(path)).map(({ words }) => (words[0] === 'npx' ? words.slice(1) : words))
  const wrong = shown.flatMap(([program, ...words]) => (program === 'agent-turbo' ? unknownWords(words) : []))
  expect(wrong).toEqual([])
})

test('a command or a flag that does not exist is found', () => {
  expect(unknownWords(['ad', 'x'])).toEqual(['ad'])
  expect(unknownWords(['keys', 'make'])).toEqual(['make'])
  expect(unknownWords(['add', 'x', '--titel', 'y', '--json'])).toEqual(['--titel'])
  expect(unknownWords(['keys', 'create', 'me', '--scopes', 'admin'])).toEqual([])
})

/** Words that are no command where one is expected, and flags that the command does not take. */
function unknownWords(words: string[]): string[] {
  const program = buildProgram(() => async () => undefined)
  const trail = [program]
  for (const word of words.filter((each) => !each.startsWith('-'))) {
    const command = trail.at(-1) ?? program
    const next = command.commands.find((each) => each.name() === word)
    if (next !== undefined) trail.push(next)
    else if (command.commands.length > 0) return [word]
    else break
  }
  const flags = trail.flatMap(({ options }) => options.flatMap(({ long, short }) => [long, short]))
  return words.filter((word) => word.startsWith('-') && word !== '--help' && !flags.includes(word.replace(/=.*$/, '')))
}

test('every path that the README asks exists', () => {
  const urls = commandsIn(readme).flatMap(({ words: [program, ...rest] }) =>
    program === 'curl' ? rest.filter((word) => /^(?:https?:\/\/)?[\w.:-]+\//.test(word)) : [],
  )
  expect(urls.length).toBeGreaterThan(0)
  const known = [...operations.map(({ http }) => http.path), ...servicePaths]
  const patterns = known.map((path) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`))
  const paths = urls.map((url) => new URL(url.includes('://') ? url : `http://${url}`).pathname)
  expect(paths.filter((path) => !patterns.some((pattern) => pattern.test(path)))).toEqual([])
})

test('the table of verbs has every operation, and no other', () => {
  const rows = [...readme.matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, verb]) => verb)
  expect(rows.sort()).toEqual(operations.map(({ http }) => `${http.method} ${http.path}`).sort())
})

test('the table of settings has every setting, and no other', () => {
  const [, block = ''] = /const settings = z\.object\(\{\n([\s\S]*?)\n\}\)/.exec(read('src/config.ts')) ?? []
  const settings = [...block.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, name = '']) => name)
  expect(settings.length).toBeGreaterThan(10)
  const table = readme.slice(readme.indexOf('## Configuration'))
  expect(settings.filter((name) => !table.includes(`\`${name}\``))).toEqual([])
  expect(settingsIn(readme).filter((name) => !isSetting(name))).toEqual([])
  expect(isSetting('AGENT_TURBO_POORT')).toBe(false)
})

function isSetting(name: string): boolean {
  try {
    loadConfig({ env: { [name]: 'x', AGENT_TURBO_DATA: '/nowhere' } })
    return true
  } catch (error) {
    // A value that is refused belongs to a name that is known.
    return !String(error).includes(`${name}: unknown name`)
  }
}

test('CONTRIBUTING gives the reason of every runtime dependency, and of no other', () => {
  const [, table = ''] = read('CONTRIBUTING.md').split('## Runtime dependencies')
  const rows = [...table.matchAll(/^\| (`.*`)(?: \(optional peer\))? \|/gm)]
  const named = rows.flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name))
  expect(named.sort()).toEqual(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).sort())
})

test('commands are read as a shell would', () => {
  const markdown = [
    '```sh',
    'npm ci && A=1 npm run x -- --y # why',
    '```',
    '```console',
    '$ curl -d \'{"a": 1}\' \\',
    '    localhost:1/v1/x | jq .',
    '{"not": "a command"}',
    '```',
    '```json',
    'npm run no',
    '```',
  ].join('\n')
  expect(commandsIn(markdown).map(({ words }) => words)).toEqual([
    ['npm', 'ci'],
    ['npm', 'run', 'x', '--', '--y'],
    ['curl', '-d', '{"a": 1}', 'localhost:1/v1/x'],
    ['jq', '.'],
  ])
})
