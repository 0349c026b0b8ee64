/** A command as a document shows it. */
export interface ShownCommand {
  line: number
  words: string[]
}

/** The commands of the fenced `sh` blocks (every line) and `console` blocks (lines after `$ `), pipes and `&&` taken apart. */
export function commandsIn(markdown: string): ShownCommand[] {
  const found: ShownCommand[] = []
  let language: string | null = null
  let continued = ''
  for (const [index, raw] of markdown.split('\n').entries()) {
    const fence = /^```(\w*)/.exec(raw)
    if (fence !== null) {
      language = language === null ? (fence[1] ?? '') : null
      continue
    }
    const text = commandText(raw, language, continued !== '')
    if (text === null) continue
    continued += text.replace(/\\$/, ' ')
    if (text.endsWith('\\')) continue
    for (const part of continued.split(/ (?:&&|\||&)(?: |$)/)) {
      const words = wordsOf(part)
      if (words.length > 0) found.push({ line: index + 1, words })
    }
    continued = ''
  }
  return found
}

function commandText(raw: string, language: string | null, isContinuation: boolean): string | null {
  if (language === 'sh') return raw.startsWith('#') ? null : raw
  if (language !== 'console') return null
  if (isContinuation) return raw.replace(/^> /, '')
  return raw.startsWith('$ ') ? raw.slice(2) : null
}

/** Words as the shell sees them; leading settings (`NAME=value`) and comments are left out. */
function wordsOf(command: string): string[] {
  const words = [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  )
  const comment = words.findIndex((word) => word.startsWith('#'))
  const said = comment < 0 ? words : words.slice(0, comment)
  const first = said.findIndex((word) => !/^[A-Z_]+=/.test(word))
  return first < 0 ? [] : said.slice(first)
}

/** Targets of links that are files of the repository, without fragments. */
export function linkedFiles(markdown: string): string[] {
  const targets = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target.replace(/#.*$/, ''))
  return targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target))
}

/** Names of settings that a text mentions. */
export function settingsIn(text: string): string[] {
  return [...new Set(text.match(/\b(?:AGENT_TURBO|DATABASE)_[A-Z_]+[A-Z]\b/g) ?? [])]
}
