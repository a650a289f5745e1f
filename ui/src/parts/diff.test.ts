import { expect, test } from 'vitest'
import { diffLines } from './diff'

const marks = (before: string, after: string) => diffLines(before, after).map(({ kind, text }) => ({ same: ' ', added: '+', removed: '-' })[kind] + text)

test.each([
  ['a\nb\nc', 'a\nx\nc', [' a', '-b', '+x', ' c']],
  ['a', 'a', [' a']],
  ['a\nb', 'b\nc', ['-a', ' b', '+c']],
  ['a\na', 'a', [' a', '-a']],
])('%j and %j differ in %j', (before, after, lines) => {
  expect(marks(before, after)).toEqual(lines)
})

test('long texts are compared as well', () => {
  const many = Array.from({ length: 3000 }, (_, n) => `a${n}`).join('\n')
  expect(diffLines(many, many.replaceAll('a', 'b'))).toHaveLength(6000)
})
