import { expect, test } from 'vitest'
import { findJson, splitMessage } from './segments'

test('a plain message is one segment', () => {
  expect(splitMessage('hello')).toEqual([{ text: 'hello', style: '' }])
})

test('ANSI colours become styles and leave no codes behind', () => {
  expect(splitMessage('a \u001b[1;31mred\u001b[0m b\u001b[2K')).toEqual([
    { text: 'a ', style: '' },
    { text: 'red', style: 'bold ansi-red' },
    { text: ' b', style: '' },
  ])
})

test('links end before the punctuation after them', () => {
  expect(splitMessage('see https://x.example/a?b=1.').map((each) => each.href)).toEqual([undefined, 'https://x.example/a?b=1', undefined])
})

test('hits are marked whatever their case', () => {
  expect(splitMessage('a.b acb', 'a.b').filter((each) => each.hit).map((each) => each.text)).toEqual(['a.b'])
  expect(splitMessage('x1 y22', '/\\d+|z*/').map((each) => [each.text, !!each.hit])).toEqual([['x', false], ['1', true], [' y', false], ['22', true]])
  expect(splitMessage('x1', '/(/')).toEqual([{ text: 'x1', style: '' }])
  expect(splitMessage('Needle needle', 'NEEDLE').filter((each) => each.hit).map((each) => each.text)).toEqual(['Needle', 'needle'])
})

test('JSON at the end of a message is found', () => {
  expect(findJson('{"a": 1, "b": [2]}')).toEqual({ a: 1, b: [2] })
  expect(findJson('got {"a": 1, "b": 2}')).toEqual({ a: 1, b: 2 })
  for (const message of ['plain', '[INFO] {not json}', '[1]', 'x{', '{}']) expect(findJson(message)).toBeUndefined()
})
