/** Column names known to a process: those of the schema and of the statements, so a few hundred. */
const namesMax = 5_000

const camelNames = new Map<string, string>()

/** `created_at` to `createdAt`. Names without an underscore stay as they are. */
export function camelName(column: string): string {
  const known = camelNames.get(column)
  if (known !== undefined) return known
  if (camelNames.size >= namesMax) camelNames.clear()
  const name = column.replace(/(?<=.)_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
  camelNames.set(column, name)
  return name
}

/** Rows as objects with camelCase keys, from the column descriptions and the values in their order. */
export function toRows<Row>(fields: readonly { name: string }[], rows: readonly unknown[][]): Row[] {
  if (rows.length === 0) return []
  const keys = fields.map((field) => camelName(field.name))
  return rows.map((values) => {
    const row: Record<string, unknown> = {}
    for (let i = 0; i < keys.length; i++) row[keys[i] as string] = values[i]
    return row as Row
  })
}
