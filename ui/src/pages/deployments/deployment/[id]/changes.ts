/** What saving a deployment would change. */

export interface Change {
  field: string
  from: string
  to: string
}

const MAX_CHARACTERS = 60

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function show(value: unknown): string {
  if (value === null || value === undefined || value === '') return 'nothing'
  const text = typeof value === 'string' ? value : Array.isArray(value) && value.every((each) => typeof each === 'string') ? value.join(', ') || 'nothing' : JSON.stringify(value)
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text
}

/** Return the fields that differ; of an object, each of its entries. */
export function describeChanges(before: Record<string, unknown>, after: Record<string, unknown>, prefix = ''): Change[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const [from, to] = [before[name], after[name]]
    const field = prefix + name
    if (isObject(from) && isObject(to)) return describeChanges(from, to, `${field}: `)
    if (JSON.stringify(from ?? null) === JSON.stringify(to ?? null)) return []
    return [{ field, from: show(from), to: show(to) }]
  })
}
