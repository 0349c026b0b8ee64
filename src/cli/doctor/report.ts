/** The outcome of one check. */
export interface Check {
  /** What was looked at, in a word or two. */
  name: string
  status: 'ok' | 'warn' | 'fail' | 'skipped'
  /** What was found; for `skipped`, why nothing was looked at. */
  detail: string
  /** What to do about it. */
  fix?: string
}

export const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail })
export const warn = (name: string, detail: string, fix: string): Check => ({ name, status: 'warn', detail, fix })
export const fail = (name: string, detail: string, fix: string): Check => ({ name, status: 'fail', detail, fix })
export const skipped = (name: string, detail: string): Check => ({ name, status: 'skipped', detail })
