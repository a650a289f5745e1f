import { expect, test } from 'vitest'
import { alternatives, initial, kindOf, listProperties, matchAlternative, nameOf, resolve, validate, type Schema } from './schema'

const ROOT: Schema = {
  type: 'object',
  required: ['source'],
  properties: {
    retry: { allOf: [{ $ref: '#/definitions/Retry' }], title: 'retry', position: 1 },
    source: { type: 'string', minLength: 2, position: 0 },
  },
  definitions: { Retry: { title: 'Retry', type: 'object', properties: { attempts: { type: 'integer', default: 3 } } } },
}

test('references are resolved and keep their own title', () => {
  const retry = resolve(ROOT.properties!.retry!, ROOT)
  expect([retry.title, kindOf(retry)]).toEqual(['retry', 'object'])
  expect(listProperties(ROOT).map(([name]) => name)).toEqual(['source', 'retry'])
})

test.each([
  [{ type: 'string' }, 'string'],
  [{ type: 'string', format: 'date' }, 'date'],
  [{ type: 'string', format: 'date-time' }, 'date-time'],
  [{ enum: [1, 2] }, 'enum'],
  [{ const: 'x' }, 'enum'],
  [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, 'union'],
  [{ type: ['string', 'null'] }, 'union'],
  [{ type: 'array', items: { type: 'string' } }, 'array'],
  [{ type: 'array', prefixItems: [] }, 'json'],
  [{ type: 'object' }, 'json'],
  [{}, 'json'],
] as [Schema, string][])('%j is a %s', (schema, kind) => {
  expect(kindOf(schema)).toBe(kind)
})

test.each([
  [{ type: 'integer', minimum: 1 }, 0, 'It must be 1 or more.'],
  [{ type: 'integer' }, 1.5, 'Enter a whole number.'],
  [{ type: 'number', exclusiveMaximum: 2 }, 2, 'It must be less than 2.'],
  [{ type: 'number' }, undefined, 'Enter a number.'],
  [{ enum: ['a', 'b'] }, 'c', 'Choose one of a, b.'],
  [{ type: 'string', pattern: '^x' }, 'y', 'It must match ^x.'],
  [{ type: 'string', format: 'date' }, 'soon', 'Enter a date as 2026-11-02.'],
  [{ anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'null' }] }, [3], 'Enter a text.'],
  [{ anyOf: [{ type: 'string', format: 'date' }, { enum: ['today'] }] }, 'x', 'Enter a date as 2026-11-02.'],
  [{ type: 'object' }, [], 'Enter a JSON object.'],
] as [Schema, unknown, string][])('%j does not allow %j', (schema, value, message) => {
  expect(validate(schema, value, {}).map((problem) => problem.message)).toEqual([message])
})

test('all problems are found at once, each with its place', () => {
  const value = { retry: { attempts: 'x' } }
  expect(validate(ROOT, value, ROOT)).toEqual([
    { path: 'source', message: 'It is needed.' },
    { path: 'retry.attempts', message: 'Enter a number.' },
  ])
})

test('a value chooses its alternative, also among those with equal fields', () => {
  const union: Schema = { anyOf: [{ type: 'null' }, { type: 'array', items: { type: 'string' } }, { type: 'integer' }] }
  expect([null, ['a'], 5].map((value) => matchAlternative(union, value, {}))).toEqual([0, 1, 2])
  expect(alternatives(union).map((each) => nameOf(each, {}))).toEqual(['none', 'list of text', 'integer'])
  expect(initial(union, {})).toEqual([])
})
