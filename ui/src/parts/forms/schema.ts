/** JSON schemas of parameters as forms: which control a value has, and what is wrong with it. */

export interface Schema {
  $ref?: string
  title?: string
  description?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  default?: unknown
  position?: number
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  minItems?: number
  maxItems?: number
  required?: string[]
  properties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  items?: Schema
  prefixItems?: Schema[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  definitions?: Record<string, Schema>
  $defs?: Record<string, Schema>
}

export type Kind = 'string' | 'integer' | 'number' | 'boolean' | 'enum' | 'date' | 'date-time' | 'array' | 'object' | 'union' | 'null' | 'json'

/** Return a schema with its reference replaced; its own title and default stay. */
export function resolve(schema: Schema, root: Schema): Schema {
  let current = schema
  for (let steps = 0; steps < 20; steps += 1) {
    if (current.$ref) {
      const name = current.$ref.split('/').pop() as string
      const { $ref: _, ...own } = current
      current = { ...(root.definitions?.[name] ?? root.$defs?.[name] ?? {}), ...own }
    } else if (current.allOf?.length === 1) {
      const { allOf, ...own } = current
      current = { ...(allOf[0] as Schema), ...own }
    } else return current
  }
  return {}
}

export function kindOf(schema: Schema): Kind {
  if (schema.enum || schema.const !== undefined) return 'enum'
  if (schema.anyOf || schema.oneOf) return 'union'
  if (Array.isArray(schema.type)) return 'union'
  switch (schema.type) {
    case 'string':
      return schema.format === 'date' || schema.format === 'date-time' ? schema.format : 'string'
    case 'integer':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type
    case 'array':
      return schema.prefixItems ? 'json' : 'array'
    case 'object':
      return schema.properties ? 'object' : 'json'
    default:
      return schema.properties ? 'object' : 'json'
  }
}

/** Return the alternatives of a union. */
export function alternatives(schema: Schema): Schema[] {
  if (Array.isArray(schema.type)) return schema.type.map((type) => ({ ...schema, type, title: '' }))
  return schema.anyOf ?? schema.oneOf ?? []
}

/** Return what an alternative is called in a choice. */
export function nameOf(schema: Schema, root: Schema): string {
  const resolved = resolve(schema, root)
  const kind = kindOf(resolved)
  if (kind === 'null') return 'none'
  if (kind === 'array') return `list${resolved.items ? ` of ${nameOf(resolved.items, root)}` : ''}`
  if (kind === 'enum') return 'one of a few'
  return resolved.properties ? (resolved.title ?? 'object') : kind === 'string' ? 'text' : kind
}

/** Return a value that a new item or a newly set field begins with. */
export function initial(schema: Schema, root: Schema): unknown {
  const resolved = resolve(schema, root)
  if (resolved.default !== undefined && resolved.default !== null) return structuredClone(resolved.default)
  switch (kindOf(resolved)) {
    case 'string':
    case 'date':
    case 'date-time':
      return ''
    case 'integer':
    case 'number':
      return undefined
    case 'boolean':
      return false
    case 'enum':
      return resolved.enum?.[0] ?? resolved.const
    case 'array':
      return []
    case 'object':
      return {}
    case 'union': {
      const other = alternatives(resolved).find((each) => kindOf(resolve(each, root)) !== 'null')
      return other ? initial(other, root) : null
    }
    default:
      return null
  }
}

/** Return the number of the alternative that a value belongs to, or 0. */
export function matchAlternative(schema: Schema, value: unknown, root: Schema): number {
  const found = alternatives(schema).findIndex((each) => validate(each, value, root).length === 0)
  return Math.max(0, found)
}

/** Return the properties of an object in the order in which its function has them. */
export function listProperties(schema: Schema): [string, Schema][] {
  return Object.entries(schema.properties ?? {}).sort((a, b) => (a[1].position ?? 999) - (b[1].position ?? 999))
}

export interface Problem {
  path: string
  message: string
}

/** Return everything that is wrong with a value. */
export function validate(given: Schema, value: unknown, root: Schema, path = ''): Problem[] {
  const schema = resolve(given, root)
  const wrong = (message: string): Problem[] => [{ path, message }]
  switch (kindOf(schema)) {
    case 'enum': {
      const allowed = schema.enum ?? [schema.const]
      return allowed.some((each) => JSON.stringify(each) === JSON.stringify(value)) ? [] : wrong(`Choose one of ${allowed.join(', ')}.`)
    }
    case 'union': {
      const options = alternatives(schema)
      const tried = options.map((each) => validate(each, value, root, path))
      if (tried.some((problems) => problems.length === 0)) return []
      const kindFits = options.findIndex((each) => sameKind(resolve(each, root), value))
      return tried[Math.max(0, kindFits)] ?? wrong('It fits none of the allowed kinds.')
    }
    case 'null':
      return value === null ? [] : wrong('It must be left empty.')
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong('Choose yes or no.')
    case 'integer':
    case 'number':
      return validateNumber(schema, value, wrong)
    case 'string':
      return validateText(schema, value, wrong)
    case 'date':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) ? [] : wrong('Enter a date as 2026-11-02.')
    case 'date-time':
      return typeof value === 'string' && value && !Number.isNaN(Date.parse(value)) ? [] : wrong('Enter a date and a time.')
    case 'array':
      return validateList(schema, value, root, path)
    case 'object':
      return validateObject(schema, value, root, path)
    default:
      if (schema.type === 'object' && (typeof value !== 'object' || value === null || Array.isArray(value))) return wrong('Enter a JSON object.')
      if (schema.type === 'array' && !Array.isArray(value)) return wrong('Enter a JSON list.')
      return value === undefined ? wrong('Enter a value as JSON.') : []
  }
}

function sameKind(schema: Schema, value: unknown): boolean {
  const kind = kindOf(schema)
  if (kind === 'array') return Array.isArray(value)
  if (kind === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  if (kind === 'integer' || kind === 'number') return typeof value === 'number'
  return typeof value === 'string' && ['string', 'date', 'date-time', 'enum'].includes(kind)
}

function validateNumber(schema: Schema, value: unknown, wrong: (message: string) => Problem[]): Problem[] {
  if (typeof value !== 'number' || Number.isNaN(value)) return wrong('Enter a number.')
  if (schema.type === 'integer' && !Number.isInteger(value)) return wrong('Enter a whole number.')
  if (schema.minimum !== undefined && value < schema.minimum) return wrong(`It must be ${schema.minimum} or more.`)
  if (schema.maximum !== undefined && value > schema.maximum) return wrong(`It must be ${schema.maximum} or less.`)
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) return wrong(`It must be more than ${schema.exclusiveMinimum}.`)
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum) return wrong(`It must be less than ${schema.exclusiveMaximum}.`)
  return []
}

function validateText(schema: Schema, value: unknown, wrong: (message: string) => Problem[]): Problem[] {
  if (typeof value !== 'string') return wrong('Enter a text.')
  if (schema.minLength !== undefined && value.length < schema.minLength) return wrong(`It needs at least ${schema.minLength} characters.`)
  if (schema.maxLength !== undefined && value.length > schema.maxLength) return wrong(`It may have at most ${schema.maxLength} characters.`)
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) return wrong(`It must match ${schema.pattern}.`)
  return []
}

function validateList(schema: Schema, value: unknown, root: Schema, path: string): Problem[] {
  if (!Array.isArray(value)) return [{ path, message: 'Enter a list.' }]
  const problems: Problem[] = []
  if (schema.minItems !== undefined && value.length < schema.minItems) problems.push({ path, message: `It needs at least ${schema.minItems} items.` })
  if (schema.maxItems !== undefined && value.length > schema.maxItems) problems.push({ path, message: `It may have at most ${schema.maxItems} items.` })
  if (schema.items) value.forEach((item, n) => problems.push(...validate(schema.items as Schema, item, root, `${path}.${n}`)))
  return problems
}

function validateObject(schema: Schema, value: unknown, root: Schema, path: string): Problem[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [{ path, message: 'Enter an object.' }]
  const object = value as Record<string, unknown>
  const problems: Problem[] = []
  for (const [name, property] of listProperties(schema)) {
    const below = path ? `${path}.${name}` : name
    if (object[name] === undefined) {
      if (schema.required?.includes(name)) problems.push({ path: below, message: 'It is needed.' })
    } else problems.push(...validate(property, object[name], root, below))
  }
  return problems
}
