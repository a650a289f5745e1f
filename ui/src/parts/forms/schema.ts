/** JSON schemas of parameters and blocks as forms: which control a value has, and what it begins with. */

export interface Schema {
  $ref?: string
  title?: string
  description?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  default?: unknown
  examples?: unknown[]
  example?: unknown
  position?: number
  writeOnly?: boolean
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  multipleOf?: number
  minItems?: number
  maxItems?: number
  uniqueItems?: boolean
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
  discriminator?: { propertyName: string } | string
  /** A nested block: it may be a saved one of this type. */
  block_type_slug?: string
}

export type Kind = 'string' | 'secret' | 'integer' | 'number' | 'boolean' | 'enum' | 'date' | 'time' | 'date-time' | 'array' | 'tuple' | 'dict' | 'object' | 'union' | 'null' | 'json'

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
  if (schema.writeOnly || schema.format === 'password') return 'secret'
  if (schema.enum || schema.const !== undefined) return 'enum'
  if (schema.anyOf || schema.oneOf) return 'union'
  if (Array.isArray(schema.type)) return 'union'
  switch (schema.type) {
    case 'string':
      return schema.format === 'date' || schema.format === 'date-time' || schema.format === 'time' ? schema.format : 'string'
    case 'integer':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type
    case 'array':
      return schema.prefixItems?.length ? 'tuple' : schema.items && typeof schema.items === 'object' ? 'array' : 'json'
    default:
      if (schema.properties) return 'object'
      return schema.type === 'object' && typeof schema.additionalProperties === 'object' ? 'dict' : 'json'
  }
}

/** Return the alternatives of a union. */
export function alternatives(schema: Schema): Schema[] {
  if (Array.isArray(schema.type)) return schema.type.map((type) => ({ ...schema, type, title: '' }))
  return schema.anyOf ?? schema.oneOf ?? []
}

const FORMATS: Record<string, string> = { uri: 'link', path: 'path', 'file-path': 'path', 'directory-path': 'path', duration: 'duration, as PT1H30M', uuid: 'id', email: 'mail address', 'json-string': 'JSON in a text' }

/** Return what an alternative is called in a choice. */
export function nameOf(schema: Schema, root: Schema): string {
  const resolved = resolve(schema, root)
  switch (kindOf(resolved)) {
    case 'null':
      return 'none'
    case 'array':
      return `list of ${nameOf(resolved.items ?? {}, root)}`
    case 'tuple':
      return `${resolved.prefixItems?.length} values`
    case 'dict':
      return `names with ${nameOf(resolved.additionalProperties as Schema, root)}`
    case 'enum':
      return resolved.const !== undefined || resolved.enum?.length === 1 ? String(resolved.const ?? resolved.enum?.[0]) : 'choice'
    case 'secret':
      return 'secret'
    case 'object':
      return resolved.title ?? 'object'
    case 'union': {
      const names = alternatives(resolved).map((each) => nameOf(each, root))
      return names.length < 4 ? names.join(' or ') : `one of ${names.length} kinds`
    }
    case 'string':
      return FORMATS[resolved.format ?? ''] ?? 'text'
    case 'json':
      return resolved.type === 'object' ? 'JSON object' : resolved.type === 'array' ? 'JSON list' : 'JSON'
    default:
      return kindOf(resolved)
  }
}

/** Return a value that a new item or a newly set field begins with. */
export function initial(schema: Schema, root: Schema): unknown {
  const resolved = resolve(schema, root)
  if (resolved.default !== undefined && resolved.default !== null) return structuredClone(resolved.default)
  switch (kindOf(resolved)) {
    case 'string':
    case 'secret':
    case 'date':
    case 'time':
    case 'date-time':
      return ''
    case 'integer':
    case 'number':
      return undefined
    case 'boolean':
      return false
    case 'enum':
      return resolved.enum ? resolved.enum[0] : resolved.const
    case 'array':
      return []
    case 'tuple':
      return (resolved.prefixItems ?? []).map((each) => initial(each, root) ?? null)
    case 'object':
      return initialObject(resolved, root)
    case 'dict':
      return {}
    case 'json':
      return resolved.type === 'object' ? {} : resolved.type === 'array' ? [] : null
    case 'union': {
      const other = alternatives(resolved).find((each) => kindOf(resolve(each, root)) !== 'null')
      return other ? initial(other, root) : null
    }
    default:
      return null
  }
}

/** Kinds whose first value would be a guess: they begin empty, and are required. */
const ASKED: Kind[] = ['string', 'secret', 'boolean', 'integer', 'number', 'date', 'time', 'date-time', 'object', 'json']

/** Return first values of the properties that an object needs. */
export function initialObject(schema: Schema, root: Schema): Record<string, unknown> {
  const needed = listProperties(schema).filter(([name, property]) => {
    const resolved = resolve(property, root)
    return schema.required?.includes(name) && ((resolved.default ?? null) !== null || !ASKED.includes(kindOf(resolved)))
  })
  return Object.fromEntries(needed.map(([name, property]) => [name, initial(property, root)]).filter(([, value]) => value !== undefined))
}

/** Return whether a value is of the kind of a schema, ignoring its parts. */
export function sameKind(schema: Schema, value: unknown): boolean {
  const kind = kindOf(schema)
  if (kind === 'array' || kind === 'tuple') return Array.isArray(value)
  if (kind === 'object' || kind === 'dict') return typeof value === 'object' && value !== null && !Array.isArray(value)
  if (kind === 'integer' || kind === 'number') return typeof value === 'number'
  if (kind === 'boolean') return typeof value === 'boolean'
  if (kind === 'null') return value === null
  if (kind === 'enum') return (schema.enum ?? [schema.const]).some((each) => each === value)
  if (kind === 'json') return schema.type === 'object' ? typeof value === 'object' : schema.type === 'array' ? Array.isArray(value) : true
  return typeof value === 'string'
}

/** Return the properties of an object in the order in which its function has them. */
export function listProperties(schema: Schema): [string, Schema][] {
  return Object.entries(schema.properties ?? {}).sort((a, b) => (a[1].position ?? 999) - (b[1].position ?? 999))
}
