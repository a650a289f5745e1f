/** The numbers in the versions of an artifact, over time. */
import type { Artifact } from '../../../../api/schema'
import type { Series } from '../../../../parts/plot/Plot.svelte'

const COLORS = ['running-fill', 'completed-fill', 'scheduled-fill', 'paused-fill', 'crashed-fill', 'cancelled-fill']

/** Return the numbers of a version by name: a progress, a number, those of an object, of a table with one row, or its count of rows. */
export function readNumbers({ type, data }: Pick<Artifact, 'type' | 'data'>): Record<string, number> {
  let value: unknown = data
  if (typeof data === 'string' && type !== 'markdown') {
    try {
      value = JSON.parse(data)
    } catch {
      return {}
    }
  }
  if (typeof value === 'number') return { [type === 'progress' ? 'progress' : 'value']: value }
  if (Array.isArray(value)) return value.length === 1 ? numbersOf(value[0]) : { rows: value.length }
  return numbersOf(value)
}

function numbersOf(value: unknown): Record<string, number> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number'))
}

/** Return when the versions were made, oldest first, and a series for each number that more than one of them has. */
export function makeSeries(versions: Artifact[]): { times: number[]; series: Series[] } {
  const oldest = [...versions].reverse()
  const numbers = oldest.map(readNumbers)
  const names = [...new Set(numbers.flatMap((each) => Object.keys(each)))].filter((name) => numbers.filter((each) => name in each).length > 1)
  return {
    times: oldest.map((version) => Date.parse(version.created ?? '')),
    series: names.slice(0, COLORS.length).map((name, n) => ({ name, color: COLORS[n]!, values: numbers.map((each) => each[name] ?? null) })),
  }
}
