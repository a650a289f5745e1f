/** The command and the Python that save a block; they prompt for secrets, which are never part of a text to copy. */
import { quoteShell, toPython } from '../../parts/forms/python'
import { alternatives, kindOf, resolve, type Schema } from '../../parts/forms/schema'

type Values = Record<string, unknown>

function isSecret(field: Schema, root: Schema): boolean {
  const resolved = resolve(field, root)
  return kindOf(resolved) === 'secret' || alternatives(resolved).some((each) => isSecret(each, root))
}

/** Return the names of the fields that may hold secrets: those, and those that hold other objects. */
function findSecrets(schema: Schema, values: Values): string[] {
  return Object.keys(values).filter((name) => {
    const field = schema.properties?.[name]
    return !field || isSecret(field, schema) || (typeof values[name] === 'object' && values[name] !== null)
  })
}

export function sayCreate(slug: string, name: string, schema: Schema, values: Values): { command: string; python: string } {
  const secrets = findSecrets(schema, values)
  const set = Object.entries(values).filter(([, value]) => value !== null && value !== undefined)
  const options = set.map(([field, value]) => (secrets.includes(field) ? `--ask ${field}` : `--set ${field}=${quoteShell(typeof value === 'string' ? value : JSON.stringify(value))}`))
  const fields = set.map(([field, value]) => `    ${field}=${secrets.includes(field) ? '...' : toPython(value)},\n`)
  return {
    command: `prefect block create ${slug} --name ${name || 'NAME'}${options.map((option) => ` ${option}`).join('')}`,
    python: `from prefect.blocks.core import Block\n\nblock = Block.get_block_class_from_key("${slug}")(\n${fields.join('')})\nblock.save("${name || 'NAME'}")`,
  }
}

export function sayChange(slug: string, name: string, id: string, schema: Schema, values: Values): { command: string; python: string } {
  const secrets = findSecrets(schema, values)
  const open = Object.fromEntries(Object.entries(values).filter(([field]) => !secrets.includes(field)))
  const lines = Object.entries(open).map(([field, value]) => `block.${field} = ${toPython(value)}\n`)
  return {
    command: `prefect api PATCH /block_documents/${id} --data ${quoteShell(JSON.stringify({ data: open, merge_existing_data: true }))}`,
    python: `from prefect.blocks.core import Block\n\nblock = Block.load("${slug}/${name}")\n${lines.join('')}block.save("${name}", overwrite=True)`,
  }
}
