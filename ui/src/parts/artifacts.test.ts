import { expect, test } from 'vitest'
import { describeType } from './artifacts'

test.each([
  ['markdown', '[a shop](https://shop.example)', 'link'],
  ['markdown', '[](https://shop.example)', 'link'],
  ['markdown', 'See [a shop](https://shop.example)', 'markdown'],
  ['markdown', '[a](javascript:x)', 'markdown'],
  ['table', '[a](https://shop.example)', 'table'],
  [null, { a: 1 }, 'data'],
])('an artifact of the type %j with %j is called %s', (type, data, name) => {
  expect(describeType({ type, data })).toBe(name)
})
