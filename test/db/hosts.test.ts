import { describe, expect, it } from 'vitest'
import { parseDatabaseUrl } from '../../src/db/hosts.ts'

function endpoints(url: string): string[] {
  return parseDatabaseUrl(url).map(({ connectionString }) => connectionString)
}

describe('a database address', () => {
  it.each([
    ['one host', 'postgres://u:p@h1/db', ['h1:5432']],
    ['another scheme and port', 'postgresql://u:p@h1:6000/db', ['h1:6000']],
    [
      'several hosts',
      'postgres://u:p@h1:5432,h2:5433,h3/db?target_session_attrs=read-write',
      ['h1:5432', 'h2:5433', 'h3:5432'],
    ],
    ['hosts as options', 'postgres://u:p@/db?host=h1,h2&port=5432,5433', ['h1:5432', 'h2:5433']],
    ['one port for all', 'postgres://u:p@/db?host=h1,h2&port=6000', ['h1:6000', 'h2:6000']],
    ['IPv6', 'postgres://u:p@[::1]:5433,[fe80::1]/db', ['::1:5433', 'fe80::1:5432']],
    ['IPv6 as an option', 'postgres://u:p@/db?host=::1', ['::1:5432']],
    ['a socket folder', 'postgres:///db?host=/var/run/postgresql', ['/var/run/postgresql:5432']],
    ['an encoded socket folder', 'postgres://u@%2Ftmp%2Fpg/db', ['/tmp/pg:5432']],
    ['no host', 'postgres:///db', ['localhost:5432']],
  ])('names its hosts: %s', (_, url, labels) => {
    expect(parseDatabaseUrl(url).map(({ label }) => label)).toEqual(labels)
  })

  it('keeps user, password, database and options of each host', () => {
    expect(
      endpoints('postgres://us%40er:p%2Fw@h1,h2:6000/my%20db?application_name=x&target_session_attrs=primary'),
    ).toEqual([
      'postgres://us%40er:p%2Fw@/my%20db?application_name=x&host=h1&port=5432',
      'postgres://us%40er:p%2Fw@/my%20db?application_name=x&host=h2&port=6000',
    ])
  })

  it('means sslmode as libpq does', () => {
    expect(endpoints('postgres://h/db?sslmode=require')).toEqual([
      'postgres:///db?sslmode=require&uselibpqcompat=true&host=h&port=5432',
    ])
    expect(endpoints('postgres://h/db?sslmode=prefer')).toEqual([
      'postgres:///db?sslmode=require&uselibpqcompat=true&host=h&port=5432',
      'postgres:///db?sslmode=disable&uselibpqcompat=true&host=h&port=5432',
    ])
  })

  it.each([
    ['another database', 'mysql://u:p@h/db'],
    ['key=value form', 'host=h dbname=db password=S3CRET'],
    ['a port out of range', 'postgres://u:S3CRET@h:99999/db'],
    ['a port that is no number', 'postgres://u:S3CRET@h:abc/db'],
    ['a read-only target', 'postgres://u:S3CRET@h/db?target_session_attrs=standby'],
    ['ports that do not fit', 'postgres://u:S3CRET@/db?host=a,b,c&port=1,2'],
    ['too many hosts', `postgres://u:S3CRET@${Array.from({ length: 17 }, (_, i) => `h${i}`).join(',')}/db`],
    ['an unescaped @ in the password', 'postgres://u:S3CRET@x@h/db'],
  ])('is refused without being quoted: %s', (_, url) => {
    let thrown: unknown
    try {
      parseDatabaseUrl(url)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code: 'invalid_input' })
    expect(`${thrown} ${JSON.stringify(thrown)}`).not.toContain('S3CRET')
  })
})
