/** Months as CLIs shorten them. */
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

const UNITS_MS: Readonly<Record<string, number>> = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 }

const DAY_MS = 86_400_000

/** `resets 3:45pm`, `resets Oct 6, 1pm (Europe/Berlin)`, `try again at Nov 26th, 2026 12:16 PM`. */
const CLOCK =
  /(?:resets|again at)\s+(?:at\s+)?(?:([A-Za-z]{3,9})\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(?:(\d{4}),?\s+)?(?:at\s+)?)?(\d{1,2})(?::(\d{2}))?\s*([ap]m)(?:\s*\(([A-Za-z_]+(?:\/[A-Za-z_+-]+)*)\))?/i

/** `try again in 1.5s`, `in 2 hours 5 minutes`. */
const DELAY = /\bin\s+((?:\d+(?:\.\d+)?\s*(?:days?|d|hours?|h|minutes?|min|m|seconds?|s)\b[\s,]*(?:and\s+)?)+)/i
const DELAY_PART = /(\d+(?:\.\d+)?)\s*(d|h|m|s)/gi

/**
 * When a limit is over, as a message tells it: a time of day (the next one after `now`), a day and a time, or a delay.
 * Null when it tells nothing of the kind.
 *
 * @param zone IANA name of the zone that times without one are meant in; default this process's
 */
export function resetTimeIn(message: string, now: Date, zone?: string): Date | null {
  const clock = CLOCK.exec(message)
  if (clock !== null) return clockTime(clock, now, zone)
  const [, delay] = DELAY.exec(message) ?? []
  if (delay === undefined) return null
  let delayMs = 0
  for (const [, amount, unit = ''] of delay.matchAll(DELAY_PART)) {
    const name = Object.keys(UNITS_MS).find((each) => each.startsWith(unit.toLowerCase())) ?? 'second'
    delayMs += Number(amount) * (UNITS_MS[name] ?? 0)
  }
  return new Date(now.getTime() + delayMs)
}

function clockTime(match: RegExpExecArray, now: Date, zone: string | undefined): Date | null {
  const [, monthName, day, year, hour, minute = '0', half = '', namedZone] = match
  const timeZone = namedZone ?? zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  const today = wallClock(now, timeZone)
  if (today === null) return null
  const hours = (Number(hour) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  if (monthName === undefined) {
    const at = instantOf(Date.UTC(today.year, today.month, today.day, hours, Number(minute)), timeZone)
    return at > now ? at : new Date(at.getTime() + DAY_MS)
  }
  const month = MONTHS.indexOf(monthName.slice(0, 3).toLowerCase())
  if (month < 0) return null
  // In December a limit may last into January.
  const inYear = year === undefined ? today.year + (month < today.month ? 1 : 0) : Number(year)
  return instantOf(Date.UTC(inYear, month, Number(day), hours, Number(minute)), timeZone)
}

/** What the calendar and the clock on the wall show; null for a zone that does not exist. */
function wallClock(instant: Date, timeZone: string) {
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
    })
    const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]))
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    return { year, month: month - 1, day, hour, minute, second }
  } catch {
    // A message that names a zone of its own invention tells no time.
    return null
  }
}

/** The instant at which the wall clock of a zone shows what UTC shows at `wallMs`. */
function instantOf(wallMs: number, timeZone: string): Date {
  let guess = wallMs
  // The offset is looked up at the guess; the second round settles guesses on the other side of a change of clocks.
  for (let round = 0; round < 2; round += 1) {
    const shown = wallClock(new Date(guess), timeZone)
    if (shown === null) break
    const { year, month, day, hour, minute, second } = shown
    guess += wallMs - Date.UTC(year, month, day, hour, minute, second)
  }
  return new Date(guess)
}
