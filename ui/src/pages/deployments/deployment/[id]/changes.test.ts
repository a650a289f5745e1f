import { expect, test } from 'vitest'
import { describeChanges } from './changes'

test('fields that differ are named, those of objects one by one', () => {
  const before = { Tags: ['a'], Description: null, Parameters: { batch: 1, source: 's3://x' }, Pool: 'local' }
  const after = { Tags: ['a', 'b'], Description: 'New', Parameters: { batch: 2, source: 's3://x', extra: { a: 1 } }, Pool: 'local' }
  expect(describeChanges(before, after)).toEqual([
    { field: 'Tags', from: 'a', to: 'a, b' },
    { field: 'Description', from: 'nothing', to: 'New' },
    { field: 'Parameters: batch', from: '1', to: '2' },
    { field: 'Parameters: extra', from: 'nothing', to: '{"a":1}' },
  ])
  expect(describeChanges(before, before)).toEqual([])
})

test('long values are cut', () => {
  expect(describeChanges({ a: '' }, { a: 'x'.repeat(100) })[0]!.to).toHaveLength(61)
})
