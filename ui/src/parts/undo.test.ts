import { expect, test } from 'vitest'
import { remakeVariable, undoOf } from './undo'

test('a change is undone by the former values of what it sets, and of nothing else', () => {
  const before = { id: 'q1', priority: 2, concurrency_limit: null, is_paused: false }
  expect(undoOf({ method: 'PATCH', path: '/q', body: { priority: 1, concurrency_limit: 4, description: 'new' } }, before)).toEqual({ method: 'PATCH', path: '/q', body: { priority: 2, concurrency_limit: null, description: null } })
})

test('a variable is made again by its name', () => {
  expect(remakeVariable({ id: 'v1', name: 'limit', value: null, tags: ['a'], created: 'then' })).toEqual({ method: 'POST', path: '/variables/', body: { name: 'limit', value: null, tags: ['a'] } })
})
