import { beforeAll, expect, test } from 'vitest'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

interface Block {
  id: string
  name: string
  data: Record<string, unknown>
  block_document_references: Record<string, { block_document: { id: string } }>
}

const SECRET = 'hunter2-of-the-warehouse'

inBrowser('blocks', () => {
  useBrowser()
  const server = sharedServer()
  let credentials: Block

  const find = async (name: string, secrets = false) =>
    (await server.call<Block[]>('POST', '/block_documents/filter', { block_documents: { name: { like_: name } }, include_secrets: secrets }))[0]!

  beforeAll(async () => {
    const type = await server.call<{ type: { id: string }; schema_id: string }>('GET', '/ui/forms/block-type/snowflake-credentials')
    credentials = await server.call<Block>('POST', '/block_documents/', { name: 'shared-credentials', data: { account: 'a', user: 'u', password: SECRET }, block_type_id: type.type.id, block_schema_id: type.schema_id })
  })

  test('of any type are found in a catalogue', async () => {
    const opened = await open(server, '/blocks')
    await opened.page.getByRole('link', { name: 'Create a block' }).click()
    await opened.page.getByRole('searchbox', { name: 'Name or description' }).fill('snowflake connector')
    await opened.page.getByRole('link', { name: /^Snowflake Connector/ }).waitFor()
    await opened.page.getByRole('link', { name: /^Slack Webhook/ }).waitFor({ state: 'detached' })
    await opened.page.getByRole('link', { name: /^Snowflake Connector/ }).click()
    await opened.page.getByRole('heading', { name: 'Create a Snowflake Connector block' }).waitFor()
    await close(opened)
  })

  test('are created with everything that is wrong said at once', async () => {
    const opened = await open(server, '/blocks/catalog/snowflake-connector/create')
    const { page } = opened
    await page.getByRole('combobox', { name: 'How credentials is entered' }).selectOption('saved')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('Choose a block.').waitFor()
    await page.getByLabel('Block of credentials').selectOption({ label: 'shared-credentials' })
    for (const field of ['database', 'warehouse', 'schema']) await page.getByRole('textbox', { name: field, exact: true }).fill(`the-${field}`)
    await page.getByRole('checkbox', { name: 'Set fetch_size' }).check()
    await page.getByRole('spinbutton', { name: 'fetch_size' }).fill('7')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('It is required.').waitFor()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('orders-warehouse')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'orders-warehouse' }).waitFor()
    const stored = await find('orders-warehouse')
    expect(stored.data).toMatchObject({ database: 'the-database', fetch_size: 7 })
    expect(stored.block_document_references.credentials!.block_document.id).toBe(credentials.id)
    await close(opened)
  })

  test('keep their secrets when they are edited, and no answer or page shows one', async () => {
    const opened = await open(server, `/blocks/block/${credentials.id}`)
    const { page } = opened
    const answers: Promise<string>[] = []
    page.on('response', (response) => {
      if (new URL(response.url()).pathname.startsWith('/api/') && response.status() === 200 && !response.url().includes('/ui/live')) answers.push(response.text().catch(() => ''))
    })
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByRole('textbox', { name: 'user', exact: true }).fill('ada')
    expect(await page.getByPlaceholder('A value is stored').inputValue()).toBe('')
    expect(await page.content()).not.toContain(SECRET)
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('The block is saved.').waitFor()
    expect((await Promise.all(answers)).join()).not.toContain(SECRET)
    expect((await find('shared-credentials', true)).data).toEqual({ account: 'a', user: 'ada', password: SECRET })
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByRole('button', { name: 'Replace password' }).click()
    await page.getByLabel('password', { exact: true }).fill('another')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.waitForURL(/blocks\/block\/[^/]+$/)
    expect((await find('shared-credentials', true)).data).toMatchObject({ password: 'another' })
    await close(opened)
  })

  test('say why they are refused, beside the name', async () => {
    const opened = await open(server, '/blocks/catalog/secret/create')
    const { page } = opened
    for (const [name, message] of [['Not A Name', 'A name has lower-case letters'], ['taken', "There is a block 'taken' of this type already."]] as const) {
      if (name === 'taken') {
        const type = await server.call<{ type: { id: string }; schema_id: string }>('GET', '/ui/forms/block-type/secret')
        await server.call('POST', '/block_documents/', { name, data: { value: 'x' }, block_type_id: type.type.id, block_schema_id: type.schema_id })
      }
      await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name)
      await page.getByLabel('value', { exact: true }).fill('one')
      await page.getByRole('button', { name: 'Create', exact: true }).click()
      await page.getByText(message).waitFor()
    }
    await opened.close()
  })

  test('are asked for in three calls at most, also where results can be stored in one', async () => {
    const typeOf = (slug: string) => server.call<{ type: { id: string }; schema_id: string }>('GET', `/ui/forms/block-type/${slug}`)
    const create = (name: string, data: object, { type, schema_id }: { type: { id: string }; schema_id: string }) =>
      server.call<Block>('POST', '/block_documents/', { name, data, block_type_id: type.id, block_schema_id: schema_id })
    const [storage, secret] = await Promise.all([typeOf('local-file-system'), typeOf('secret')])
    await create('results-here', { basepath: '/data' }, storage)
    await Promise.all(Array.from({ length: 51 }, (_, n) => create(`secret-${n}`, { value: 'x' }, secret)))
    const opened = await open(server, '/blocks')
    await opened.page.getByText('Where results are stored by default').waitFor()
    await opened.page.waitForTimeout(500)
    expect(opened.calls.length, opened.calls.join(', ')).toBeLessThanOrEqual(3)
    await opened.page.getByText('Where results are stored by default').click()
    await opened.page.getByLabel('Results of all programs are stored').selectOption({ label: 'in local-file-system/results-here' })
    await opened.page.getByText('Results are stored there by default.').waitFor()
    expect(await server.call<{ default_result_storage_block_id: string | null }>('GET', '/admin/storage')).toMatchObject({ default_result_storage_block_id: (await find('results-here')).id })
    await server.call('DELETE', '/admin/storage')
    await close(opened)
  })

  test('are deleted after a question', async () => {
    const type = await server.call<{ type: { id: string }; schema_id: string }>('GET', '/ui/forms/block-type/secret')
    const block = await server.call<Block>('POST', '/block_documents/', { name: 'short-lived', data: { value: 'x' }, block_type_id: type.type.id, block_schema_id: type.schema_id })
    const opened = await open(server, `/blocks/block/${block.id}`)
    await opened.page.getByRole('button', { name: 'Delete…' }).click()
    await opened.page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await opened.page.waitForURL(/\/blocks$/)
    expect(await server.call('POST', '/block_documents/filter', { block_documents: { name: { like_: 'short-lived' } } })).toEqual([])
    await close(opened)
  })
})
