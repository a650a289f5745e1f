import { expect, test } from 'vitest'
import { HEIGHT, layoutAssets, WIDTH } from './layout'

const columnOf = (keys: string[], edges: { source: string; target: string }[]) => {
  const { places } = layoutAssets(keys, edges)
  const xs = [...new Set(places.map((place) => place.x))].sort((a, b) => a - b)
  return Object.fromEntries(places.map((place) => [place.key, xs.indexOf(place.x)]))
}

test('what is made of others is on their right, behind the longest way', () => {
  const edges = [{ source: 'a', target: 'b' }, { source: 'b', target: 'c' }, { source: 'a', target: 'c' }]
  expect(columnOf(['c', 'b', 'a'], edges)).toEqual({ a: 0, b: 1, c: 2 })
})

test('assets that are made of each other are drawn all the same', () => {
  const { places, width, height } = layoutAssets(['a', 'b'], [{ source: 'a', target: 'b' }, { source: 'b', target: 'a' }])
  expect(places).toHaveLength(2)
  expect(width).toBeGreaterThanOrEqual(WIDTH)
  expect(height).toBeGreaterThanOrEqual(HEIGHT)
})

test('two of a column do not cover each other', () => {
  const { places } = layoutAssets(['a', 'b', 'c'], [])
  expect(new Set(places.map((place) => place.y)).size).toBe(3)
})
