/** Control characters, except line feed and tab: stored text must not steer the reader's terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/** Stored text as it may be shown on a terminal. */
export function printable(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(CONTROL, '\u{fffd}')
}

/** The first line that says something, at most `charsMax` characters. */
export function firstLine(text: string, charsMax: number): string {
  const line =
    printable(text)
      .trim()
      .split('\n', 1)[0]
      ?.replace(/^#+\s*/, '')
      .replaceAll('\t', ' ') ?? ''
  return truncate(line, charsMax)
}

/** At most `charsMax` characters, the last an ellipsis where something was cut. Never half a character. */
export function truncate(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  return `${text.slice(0, Math.max(charsMax - 1, 0)).replace(/[\ud800-\udbff]$/, '')}…`
}

export function indent(text: string, by: string): string {
  return text.replace(/^(?=.)/gm, by)
}

/** `1 item`, `2 items`, `1,000 items`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`
}

/** `1234567` as `1,234,567`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** `1500` as `1.5 kB`. */
export function bytes(count: number): string {
  let scaled = count
  let unit = 0
  while (scaled >= 1000 && unit < BYTE_UNITS.length - 1) {
    scaled /= 1000
    unit++
  }
  return `${unit === 0 ? scaled : scaled.toFixed(scaled < 10 ? 1 : 0)} ${BYTE_UNITS[unit]}`
}

/** An ISO 8601 instant to the minute, in UTC: `2026-11-20 14:55`. */
export function minute(instant: string | null): string {
  return instant === null ? '' : instant.slice(0, 16).replace('T', ' ')
}

/** Seconds as `42 s`, `3 min 5 s` or `2 h 10 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
