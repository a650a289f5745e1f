import { expect, test } from 'vitest'
import { stack } from './stack'

test('each series stands on those before it', () => {
  expect(stack([[1, 0], [2, 3], [0, 4]])).toEqual([[1, 0], [3, 3], [3, 7]])
})
