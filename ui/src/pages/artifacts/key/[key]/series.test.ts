import { expect, test } from 'vitest'
import type { Artifact } from '../../../../api/schema'
import { makeSeries, readNumbers } from './series'

test.each([
  [{ type: 'progress', data: 40 }, { progress: 40 }],
  [{ type: 'table', data: '[{"auc": 0.9, "model": "a"}]' }, { auc: 0.9 }],
  [{ type: 'table', data: '[{"a": 1}, {"a": 2}]' }, { rows: 2 }],
  [{ type: null, data: { loss: 2, note: 'x' } }, { loss: 2 }],
  [{ type: 'markdown', data: '12' }, {}],
])('the numbers of a version', (artifact, numbers) => {
  expect(readNumbers(artifact)).toEqual(numbers)
})

test('a number of more than one version is a series, oldest first', () => {
  const versions = [{ created: '2026-01-02T00:00:00Z', data: { a: 2 } }, { created: '2026-01-01T00:00:00Z', data: { a: 1, b: 5 } }] as unknown as Artifact[]
  const { times, series } = makeSeries(versions)
  expect(times).toEqual([Date.parse('2026-01-01T00:00:00Z'), Date.parse('2026-01-02T00:00:00Z')])
  expect(series.map((each) => [each.name, each.values])).toEqual([['a', [1, 2]]])
})
