import { expect, test } from 'vitest'
import { readField, removeTerm, setField, splitTerms, toggleValue } from './query'

const QUERY = 'state:failed,crashed flow:"nightly etl" error:"time out" -tag:old word'

test('a query is split at spaces outside of quotes', () => {
  expect(splitTerms(QUERY)).toEqual(['state:failed,crashed', 'flow:"nightly etl"', 'error:"time out"', '-tag:old', 'word'])
})

test('a field is read, set and removed', () => {
  expect(readField(QUERY, 'flow')).toBe('"nightly etl"')
  expect(readField(QUERY, 'tag')).toBeUndefined()
  expect(setField('a since:1h', 'since', '24h')).toBe('a since:24h')
  expect(setField('a since:1h', 'since', undefined)).toBe('a')
  expect(removeTerm('a b', 'b')).toBe('a')
})

test('a value is chosen among others and released again', () => {
  expect(toggleValue('', 'state', 'failed')).toBe('state:failed')
  expect(toggleValue('state:failed', 'state', 'crashed')).toBe('state:failed,crashed')
  expect(toggleValue('state:failed,crashed', 'state', 'failed')).toBe('state:crashed')
  expect(toggleValue('state:failed x', 'state', 'failed')).toBe('x')
})
