import { expect, test } from 'vitest'
import { sayChange, sayCreate } from './elsewhere'

const schema = { type: 'object', properties: { url: { type: 'string', format: 'password' }, user: { type: 'string' }, keys: { type: 'array', items: { type: 'string' } } } }
const values = { url: 'https://x/secret', user: 'ada', keys: ['secret'] }

test('what creates a block asks for its secrets', () => {
  const { command, python } = sayCreate('hook', 'mine', schema, values)
  expect(command).toBe("prefect block create hook --name mine --ask url --set user='ada' --ask keys")
  expect(python + sayChange('hook', 'mine', 'b1', schema, values).python).not.toContain('secret')
})

test('what changes a block leaves its secrets as they are', () => {
  expect(sayChange('hook', 'mine', 'b1', schema, values).command).toBe(`prefect api PATCH /block_documents/b1 --data '{"data":{"user":"ada"},"merge_existing_data":true}'`)
})
