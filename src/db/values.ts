import pg from 'pg'

/** Type oids of the PostgreSQL catalog (`select oid, typname from pg_type`); they never change between versions. */
const oids = {
  int8: 20,
  json: 114,
  float4: 700,
  float8: 701,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  jsonb: 3802,
  nameArray: 1003,
  int8Array: 1016,
  numericArray: 1231,
  timestamptzArray: 1185,
  textArray: 1009,
}

type Parse = (text: string) => unknown

const asText: Parse = (text) => text
const parseTextArray = pg.types.getTypeParser(oids.textArray) as (text: string) => (string | null)[]

/**
 * `2026-11-20 13:55:56.1234+00`, as a session in UTC writes it, to `2026-11-20T13:55:56.123400Z`: always microseconds, so
 * that the texts sort like the moments and survive a round trip. `infinity` and years BC stay as the server wrote them.
 */
export function isoMoment(text: string): string {
  if (text.length < 22 || text[10] !== ' ' || !text.endsWith('+00')) return text
  const fraction = text.slice(20, -3)
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction.padEnd(6, '0')}Z`
}

function arrayOf(parse: Parse): Parse {
  return (text) => parseTextArray(text).map((item) => (item === null ? null : parse(item)))
}

const parsers = new Map<number, Parse>([
  [oids.int8, Number],
  [oids.numeric, Number],
  [oids.float4, Number],
  [oids.float8, Number],
  [oids.json, JSON.parse],
  [oids.jsonb, JSON.parse],
  [oids.timestamptz, isoMoment],
  [oids.timestamp, asText],
  [oids.date, asText],
  [oids.interval, asText],
  [oids.nameArray, parseTextArray],
  [oids.int8Array, arrayOf(Number)],
  [oids.numericArray, arrayOf(Number)],
  [oids.timestamptzArray, arrayOf(isoMoment)],
])

/**
 * How values come back, the same on both engines: see `Executor`. A type that is not listed (vector, halfvec, tsvector,
 * uuid, …) keeps the text form of the server.
 */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    (format !== 'binary' && parsers.get(oid)) || pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}
