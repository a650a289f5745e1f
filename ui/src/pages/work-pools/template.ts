/** The base job template of a pool: its variables as a form, whose values are their defaults. */
import type { Schema } from '../../parts/forms/schema'

export interface Template {
  job_configuration?: Record<string, unknown>
  variables?: Schema
}

/** Return the schema of a form for the defaults: nothing is needed, and a default is a value, not a hint. */
export function formOf(template: Template): Schema {
  const { required: _, ...schema } = template.variables ?? {}
  const properties = Object.entries(schema.properties ?? {}).map(([name, { default: __, ...property }]) => [name, property])
  return { ...schema, type: 'object', properties: Object.fromEntries(properties) as Record<string, Schema> }
}

/** Return the defaults that a template has. */
export function defaultsOf(template: Template): Record<string, unknown> {
  const given = Object.entries(template.variables?.properties ?? {}).filter(([, property]) => (property.default ?? null) !== null)
  return Object.fromEntries(given.map(([name, property]) => [name, property.default]))
}

/** Return a template with other defaults. */
export function withDefaults(template: Template, values: Record<string, unknown>): Template {
  if (!template.variables?.properties) return template
  const properties = Object.entries(template.variables.properties).map(([name, { default: before, ...property }]) => {
    const value = values[name]
    // A default that says "nothing" stays.
    return [name, value === undefined ? (before === null ? { ...property, default: null } : property) : { ...property, default: value }]
  })
  return { ...template, variables: { ...template.variables, properties: Object.fromEntries(properties) as Record<string, Schema> } }
}
