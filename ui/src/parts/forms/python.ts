/** Values as they are written in Python and in a shell, to copy. */

export function toPython(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (Array.isArray(value)) return `[${value.map(toPython).join(', ')}]`
  if (typeof value === 'object') return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${toPython(each)}`).join(', ')}}`
  return JSON.stringify(value)
}

/** Return a text quoted for a POSIX shell. */
export function quoteShell(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`
}
