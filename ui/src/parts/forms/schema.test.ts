import { expect, test } from 'vitest'
import { alternatives, initial, initialObject, kindOf, listProperties, nameOf, resolve, type Schema } from './schema'
import { matchAlternative, readProblems, validate } from './validate'

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
    { path: 'source', message: 'It is required.' },
    { path: 'retry.attempts', message: 'Enter a number.' },
  ])
})

test('a value chooses its alternative, also among those with equal fields', () => {
  const union: Schema = { anyOf: [{ type: 'null' }, { type: 'array', items: { type: 'string' } }, { type: 'integer' }] }
  expect([null, ['a'], 5].map((value) => matchAlternative(union, value, {}))).toEqual([0, 1, 2])
  expect(alternatives(union).map((each) => nameOf(each, {}))).toEqual(['none', 'list of text', 'integer'])
  expect(initial(union, {})).toEqual([])
})

const HEADERS: Schema = { type: 'object', additionalProperties: { type: 'integer' } }
const PAIR: Schema = { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], minItems: 2, maxItems: 2 }
const PETS: Schema = {
  oneOf: [{ $ref: '#/definitions/Cat' }, { $ref: '#/definitions/Dog' }],
  discriminator: { propertyName: 'kind' },
  definitions: {
    Cat: { title: 'Cat', type: 'object', required: ['kind', 'name'], properties: { kind: { const: 'cat' }, name: { type: 'string', minLength: 1 } } },
    Dog: { title: 'Dog', type: 'object', required: ['kind', 'name'], properties: { kind: { const: 'dog' }, name: { type: 'string', minLength: 1 } } },
  },
}

test.each([
  [HEADERS, 'dict', {}],
  [PAIR, 'tuple', ['', null]],
  [{ type: 'string', format: 'password', writeOnly: true }, 'secret', ''],
  [{ anyOf: [{ type: 'string' }, {}], writeOnly: true, format: 'password' }, 'secret', ''],
  [{ type: 'string', format: 'time' }, 'time', ''],
  [{ enum: [null, 'a'] }, 'enum', null],
  [{ type: 'array' }, 'json', []],
] as [Schema, string, unknown][])('%j is a %s and begins with %j', (schema, kind, first) => {
  expect([kindOf(schema), initial(schema, {})]).toEqual([kind, first])
})

test.each([
  [HEADERS, { a: 1, b: 'x' }, [{ path: 'b', message: 'Enter a number.' }]],
  [PAIR, ['a', 'b'], [{ path: '1', message: 'Enter a number.' }]],
  [PAIR, ['a'], [{ path: '', message: 'It needs at least 2 items.' }]],
  [PETS, { kind: 'dog', name: '' }, [{ path: 'name', message: 'It needs at least 1 characters.' }]],
  [{ type: 'integer', multipleOf: 5 }, 12, [{ path: '', message: 'It must be a multiple of 5.' }]],
  [{ type: 'string', format: 'duration' }, '5 min', [{ path: '', message: 'Enter a duration as PT1H30M.' }]],
  [{ type: 'string', format: 'duration' }, 'PT1H30M', []],
  [{ type: 'string', pattern: '(?P<x>a)' }, 'b', []],
  [{ type: 'array', items: { type: 'string' }, uniqueItems: true }, ['a', 'a'], [{ path: '', message: 'Its items must differ from each other.' }]],
  [{ type: 'object', properties: { a: {} }, additionalProperties: false }, { b: 1 }, [{ path: '', message: 'It has no field b.' }]],
  [{ type: 'string', format: 'password', writeOnly: true }, '********', []],
  [{ type: 'integer' }, { __prefect_kind: 'workspace_variable', variable_name: 'x' }, []],
  [{ type: 'integer' }, { __prefect_kind: 'jinja', template: ' ' }, [{ path: '', message: 'Enter a template.' }]],
  [{ type: 'integer' }, { __prefect_kind: 'json', value: '{' }, [{ path: '', message: 'This is not valid JSON yet.' }]],
  [{ type: 'object', properties: {} }, { $ref: { block_document_id: '' } }, [{ path: '', message: 'Choose a block.' }]],
] as [Schema, unknown, unknown[]][])('%j has for %j the problems %j', (schema, value, problems) => {
  expect(validate(schema, value, schema)).toEqual(problems)
})

test('a discriminator chooses among alternatives with equal fields', () => {
  expect([{ kind: 'dog' }, { kind: 'cat' }].map((value) => matchAlternative(PETS, value, PETS))).toEqual([1, 0])
})

test('an optional list begins with no value and keeps its kind', () => {
  const union: Schema = { anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'null' }] }
  expect([[], null, ['a']].map((value) => matchAlternative(union, value, {}))).toEqual([0, 1, 0])
})

test('problems of the server are found by their place', () => {
  expect(readProblems([{ property: 'retry', errors: [{ property: 'attempts', errors: ["'x' is not of type 'integer'"] }] }, { property: 'tables', errors: [{ index: 1, errors: ['wrong'] }] }])).toEqual([
    { path: 'retry.attempts', message: "'x' is not of type 'integer'" },
    { path: 'tables.1', message: 'wrong' },
  ])
})

test('what a form needs begins with nothing, unless there is a value that is no guess', () => {
  const schema: Schema = { type: 'object', required: ['a', 'b', 'c', 'd'], properties: { a: { type: 'string' }, b: { type: 'integer', default: 3 }, c: { type: 'array', items: {} }, d: { enum: ['x', 'y'] }, e: { type: 'array', items: {} } } }
  expect(initialObject(schema, schema)).toEqual({ b: 3, c: [], d: 'x' })
  expect(validate(schema, initialObject(schema, schema), schema)).toEqual([{ path: 'a', message: 'It is required.' }])
})
