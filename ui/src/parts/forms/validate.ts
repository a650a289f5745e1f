/** What is wrong with the values of a form: everything at once, each with its place. */
import { checkKindValue, kindOfValue, MASK, referenceOf, type KindValue } from './kinds'
import { alternatives, kindOf, listProperties, resolve, sameKind, type Schema } from './schema'

export interface Problem {
  /** The names and numbers that lead to the value, joined by dots; empty for all of it. */
  path: string
  message: string
}

type Wrong = (message: string) => Problem[]

/** Return everything that is wrong with a value. */
export function validate(given: Schema, value: unknown, root: Schema, path = ''): Problem[] {
  const schema = resolve(given, root)
  const wrong: Wrong = (message) => [{ path, message }]
  if (kindOfValue(value)) {
    const message = checkKindValue(value as KindValue)
    return message ? wrong(message) : []
  }
  if (referenceOf(value) !== undefined) return referenceOf(value) ? [] : wrong('Choose a block.')
  switch (kindOf(schema)) {
    case 'enum': {
      const allowed = schema.enum ?? [schema.const]
      return allowed.some((each) => JSON.stringify(each) === JSON.stringify(value)) ? [] : wrong(`Choose one of ${allowed.join(', ')}.`)
    }
    case 'union':
      return validateUnion(schema, value, root, path)
    case 'null':
      return value === null ? [] : wrong('It must be left empty.')
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong('Choose yes or no.')
    case 'integer':
    case 'number':
      return validateNumber(schema, value, wrong)
    case 'secret':
      return value === MASK || schema.type !== 'string' ? (value === '' || value === null || value === undefined ? wrong('Enter a value.') : []) : validateText(schema, value, wrong)
    case 'string':
      return validateText(schema, value, wrong)
    case 'date':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) ? [] : wrong('Enter a date as 2026-11-02.')
    case 'time':
      return typeof value === 'string' && /^\d\d:\d\d(:\d\d)?/.test(value) ? [] : wrong('Enter a time as 09:30.')
    case 'date-time':
      return typeof value === 'string' && value && !Number.isNaN(Date.parse(value)) ? [] : wrong('Enter a date and a time.')
    case 'array':
    case 'tuple':
      return validateList(schema, value, root, path)
    case 'dict':
      return validateDict(schema, value, root, path)
    case 'object':
      return validateObject(schema, value, root, path)
    default:
      if (schema.type === 'object' && (typeof value !== 'object' || value === null || Array.isArray(value))) return wrong('Enter a JSON object.')
      if (schema.type === 'array' && !Array.isArray(value)) return wrong('Enter a JSON list.')
      return value === undefined ? wrong('Enter a value as JSON.') : []
  }
}

function validateUnion(schema: Schema, value: unknown, root: Schema, path: string): Problem[] {
  const options = alternatives(schema).map((each) => resolve(each, root))
  const tried = options.map((each) => ({ each, problems: validate(each, value, root, path) }))
  // Those of the nearest kind say best what is wrong: a text may be meant as one of an enumeration.
  const near = tried.filter(({ each }) => sameKind(each, value) || (typeof value === 'string' && kindOf(each) === 'enum'))
  const [best] = (near.length ? near : tried).sort((a, b) => a.problems.length - b.problems.length)
  return tried.some(({ problems }) => !problems.length) ? [] : (best?.problems ?? [{ path, message: 'It matches none of the allowed types.' }])
}

function validateNumber(schema: Schema, value: unknown, wrong: Wrong): Problem[] {
  if (typeof value !== 'number' || Number.isNaN(value)) return wrong('Enter a number.')
  if (schema.type === 'integer' && !Number.isInteger(value)) return wrong('Enter a whole number.')
  if (schema.minimum !== undefined && value < schema.minimum) return wrong(`It must be ${schema.minimum} or more.`)
  if (schema.maximum !== undefined && value > schema.maximum) return wrong(`It must be ${schema.maximum} or less.`)
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) return wrong(`It must be more than ${schema.exclusiveMinimum}.`)
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum) return wrong(`It must be less than ${schema.exclusiveMaximum}.`)
  if (schema.multipleOf && Math.abs(value / schema.multipleOf - Math.round(value / schema.multipleOf)) > 1e-9) return wrong(`It must be a multiple of ${schema.multipleOf}.`)
  return []
}

const FORMATS: Record<string, [RegExp, string]> = {
  uuid: [/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i, 'Enter an id as 01a228db-0000-7000-8000-000000000000.'],
  uri: [/^[a-z][a-z0-9+.-]*:/i, 'Enter a link with its scheme, as https://example.com.'],
  email: [/^[^@\s]+@[^@\s]+$/, 'Enter a mail address.'],
  duration: [/^-?P(?=.)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)$/, 'Enter a duration as PT1H30M.'],
}

function validateText(schema: Schema, value: unknown, wrong: Wrong): Problem[] {
  if (typeof value !== 'string') return wrong('Enter a text.')
  if (schema.minLength !== undefined && value.length < schema.minLength) return wrong(`It needs at least ${schema.minLength} characters.`)
  if (schema.maxLength !== undefined && value.length > schema.maxLength) return wrong(`It may have at most ${schema.maxLength} characters.`)
  if (schema.pattern !== undefined && !matches(schema.pattern, value)) return wrong(`It must match ${schema.pattern}.`)
  const format = FORMATS[schema.format ?? '']
  return format && !format[0].test(value) ? wrong(format[1]) : []
}

/** Return whether a text matches; a pattern of Python that browsers do not know is left to the server. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value)
  } catch {
    return true
  }
}

const below = (path: string, step: string | number) => (path ? `${path}.${step}` : String(step))

function validateList(schema: Schema, value: unknown, root: Schema, path: string): Problem[] {
  if (!Array.isArray(value)) return [{ path, message: 'Enter a list.' }]
  const problems: Problem[] = []
  const { prefixItems, minItems = prefixItems?.length, maxItems } = schema
  if (minItems !== undefined && value.length < minItems) problems.push({ path, message: `It needs at least ${minItems} items.` })
  if (maxItems !== undefined && value.length > maxItems) problems.push({ path, message: `It may have at most ${maxItems} items.` })
  if (schema.uniqueItems && new Set(value.map((item) => JSON.stringify(item))).size < value.length) problems.push({ path, message: 'Its items must differ from each other.' })
  value.forEach((item, n) => {
    const own = prefixItems?.[n] ?? schema.items
    if (own && typeof own === 'object') problems.push(...validate(own, item, root, below(path, n)))
  })
  return problems
}

function validateDict(schema: Schema, value: unknown, root: Schema, path: string): Problem[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [{ path, message: 'Enter names and values.' }]
  return Object.entries(value).flatMap(([name, item]) => validate(schema.additionalProperties as Schema, item, root, below(path, name)))
}

function validateObject(schema: Schema, value: unknown, root: Schema, path: string): Problem[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [{ path, message: 'Enter an object.' }]
  const object = value as Record<string, unknown>
  const problems: Problem[] = []
  for (const [name, property] of listProperties(schema)) {
    if (object[name] === undefined || (object[name] === '' && schema.required?.includes(name) && kindOf(resolve(property, root)) === 'secret')) {
      if (schema.required?.includes(name)) problems.push({ path: below(path, name), message: 'It is required.' })
    } else problems.push(...validate(property, object[name], root, below(path, name)))
  }
  if (schema.additionalProperties === false) {
    const unknown = Object.keys(object).filter((name) => !(name in (schema.properties ?? {})))
    if (unknown.length) problems.push({ path, message: `It has no field ${unknown.join(', ')}.` })
  }
  return problems
}

/** Return the number of the alternative that a value belongs to: the first that allows it, else the nearest. */
export function matchAlternative(schema: Schema, value: unknown, root: Schema): number {
  const property = typeof schema.discriminator === 'string' ? schema.discriminator : schema.discriminator?.propertyName
  const options = alternatives(schema)
  if (property && typeof value === 'object' && value !== null) {
    const tag = (value as Record<string, unknown>)[property]
    const named = options.findIndex((each) => {
      const field = resolve(resolve(each, root).properties?.[property] ?? {}, root)
      return tag !== undefined && (field.const === tag || field.enum?.includes(tag))
    })
    if (named >= 0) return named
  }
  const counts = options.map((each) => validate(each, value, root).length + (sameKind(resolve(each, root), value) ? 0 : 1000))
  return Math.max(0, counts.indexOf(Math.min(...counts)))
}

interface Tree {
  property?: string
  index?: number
  errors: (Tree | string)[]
}

/** Return the problems that the server found, from its tree of them. */
export function readProblems(tree: (Tree | string)[], path = ''): Problem[] {
  return tree.flatMap((node) => (typeof node === 'string' ? [{ path, message: node }] : readProblems(node.errors, below(path, node.property ?? node.index ?? ''))))
}
