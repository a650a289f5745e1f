/** Where the assets of a graph are drawn: in columns, sources on the left of what is made of them. */

export interface Edge {
  source: string
  target: string
}

export interface Place {
  key: string
  x: number
  y: number
}

export const WIDTH = 190
export const HEIGHT = 40
const GAP_X = 70
const GAP_Y = 16

/** Return the place of each asset, and the size of the drawing. Assets that are made of each other share a column. */
export function layoutAssets(keys: string[], edges: Edge[]): { places: Place[]; width: number; height: number } {
  const column = new Map(keys.map((key) => [key, 0]))
  // The longest way from a source; no longer than there are assets, so that a circle ends.
  for (let round = 0, moved = true; moved && round < keys.length; round += 1) {
    moved = false
    for (const { source, target } of edges) {
      const after = (column.get(source) ?? 0) + 1
      if (source !== target && column.has(source) && column.has(target) && (column.get(target) as number) < after && after < keys.length) {
        column.set(target, after)
        moved = true
      }
    }
  }
  const used = [...new Set(column.values())].sort((a, b) => a - b)
  const rows = new Map<number, number>()
  const places = keys.map((key) => {
    const n = used.indexOf(column.get(key) as number)
    const row = rows.get(n) ?? 0
    rows.set(n, row + 1)
    return { key, x: n * (WIDTH + GAP_X), y: row * (HEIGHT + GAP_Y) }
  })
  return { places, width: used.length * (WIDTH + GAP_X) - GAP_X, height: Math.max(0, ...rows.values()) * (HEIGHT + GAP_Y) - GAP_Y }
}
