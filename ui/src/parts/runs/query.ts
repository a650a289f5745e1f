/** The text of a query for runs, changed term by term. The server gives it its meaning. */

const TERM = /-?(?:[a-z][a-z-]*(?:\.[\w-]+)?:)?(?:"[^"]*"|[^\s"])+/g

/** Return the terms of a query as they are written. */
export function splitTerms(query: string): string[] {
  return query.match(TERM) ?? []
}

/** Return the value of the first term of a field, or undefined. */
export function readField(query: string, field: string): string | undefined {
  return splitTerms(query).find((term) => term.startsWith(`${field}:`))?.slice(field.length + 1)
}

/** Return the query with one term of a field, or with none for an undefined value. */
export function setField(query: string, field: string, value: string | undefined): string {
  const others = splitTerms(query).filter((term) => !term.startsWith(`${field}:`))
  return [...others, ...(value === undefined ? [] : [`${field}:${value}`])].join(' ')
}

/** Return the query in which a value of a field is chosen, or no longer chosen if it was. */
export function toggleValue(query: string, field: string, value: string): string {
  const chosen = readField(query, field)?.split(',') ?? []
  const rest = chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]
  return setField(query, field, rest.length ? rest.join(',') : undefined)
}

/** Return the query without one term. */
export function removeTerm(query: string, term: string): string {
  return splitTerms(query).filter((each) => each !== term).join(' ')
}

/** Return a name as the value of a term that it must equal. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '')}"`
}
