/** Values that the server fills in when a run begins: templates, variables and JSON in a text. */
export const KIND = '__prefect_kind'
export const MASK = '********'

export type ValueKind = 'json' | 'jinja' | 'workspace_variable'

export interface KindValue {
  [KIND]: ValueKind
  value?: string
  template?: string
  variable_name?: string
}

/** Return the kind of a value that is filled in later, or undefined for a plain one. */
export function kindOfValue(value: unknown): ValueKind | undefined {
  if (typeof value !== 'object' || value === null || !(KIND in value)) return undefined
  const kind = (value as KindValue)[KIND]
  return ['json', 'jinja', 'workspace_variable'].includes(kind) ? kind : undefined
}

/** Return what is wrong with a value that is filled in later, or undefined. */
export function checkKindValue(value: KindValue): string | undefined {
  switch (value[KIND]) {
    case 'jinja':
      return value.template?.trim() ? undefined : 'Enter a template.'
    case 'workspace_variable':
      return value.variable_name ? undefined : 'Choose a variable.'
    default:
      try {
        JSON.parse(value.value ?? '')
        return undefined
      } catch {
        return 'This is not valid JSON yet.'
      }
  }
}

/** Return the id of the saved block that a value refers to, or undefined. */
export function referenceOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('$ref' in value)) return undefined
  return (value as { $ref?: { block_document_id?: string } }).$ref?.block_document_id ?? ''
}
