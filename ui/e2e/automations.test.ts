import { beforeAll, expect, test } from 'vitest'
import { findIds, type Ids } from './addresses'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

interface Automation {
  id: string
  name: string
  enabled: boolean
  trigger: Record<string, unknown> & { triggers?: Record<string, unknown>[] }
  actions: Record<string, unknown>[]
}

inBrowser('automations', () => {
  useBrowser()
  const server = sharedServer()
  let ids: Ids
  beforeAll(async () => {
    ids = await findIds(server)
  })
  const find = async (name: string) => (await server.call<Automation[]>('POST', '/automations/filter', { automations: { name: { any_: [name] } } }))[0]!

  test('are created with a form that says everything that is wrong, and tested on past events', async () => {
    const opened = await open(server, '/automations')
    const { page } = opened
    await page.getByRole('link', { name: 'Create an automation' }).click()
    await page.getByRole('combobox', { name: 'Trigger' }).waitFor()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('It is required.').waitFor()
    await page.getByText('Add what is to be done.').waitFor()
    await page.getByRole('button', { name: 'Add an action' }).click()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('Choose a block.').waitFor()
    await page.getByRole('combobox', { name: 'Through the block' }).selectOption({ label: 'Slack Webhook / team-alerts' })
    await page.getByRole('combobox', { name: 'Add to Of the flows' }).selectOption({ label: 'nightly-etl' })
    await page.getByText('When a flow run of nightly-etl becomes failed or crashed, send a notification').waitFor()
    await page.getByRole('button', { name: 'Test' }).click()
    await page.getByText(/It would have fired/).waitFor()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('made-here')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'made-here' }).waitFor()
    expect((await find('made-here')).trigger).toMatchObject({ expect: expect.arrayContaining(['prefect.flow-run.Failed', 'prefect.flow-run.Crashed']), match_related: { 'prefect.resource.id': [`prefect.flow.${ids.flow}`] } })
    await close(opened)
  })

  test('have triggers of other triggers, and are JSON as well', async () => {
    const opened = await open(server, '/automations/create')
    const { page } = opened
    await page.getByRole('combobox', { name: 'Trigger' }).selectOption({ label: 'Triggers fire one after the other' })
    await page.getByRole('combobox', { name: 'Then, trigger 2' }).selectOption({ label: 'Events happen, or do not happen' })
    await page.getByRole('textbox', { name: /^Events, one a line/ }).fill('order.*\npayment.done')
    await page.getByRole('button', { name: 'Add an action' }).click()
    await page.getByRole('combobox', { name: 'Action 1' }).selectOption({ label: 'Run a deployment' })
    await page.getByRole('combobox', { name: 'Which' }).selectOption({ label: 'nightly-etl / prod' })
    await page.getByRole('button', { name: 'As JSON' }).click()
    const text = page.getByRole('textbox', { name: 'Definition as JSON' })
    const definition = JSON.parse(await text.inputValue()) as Automation
    expect(definition.trigger.triggers![1]).toMatchObject({ expect: ['order.*', 'payment.done'] })
    await text.fill('{')
    await page.getByText(/This is not a valid definition/).waitFor()
    await text.fill(JSON.stringify({ ...definition, name: 'in-order' }))
    await page.getByRole('button', { name: 'As a form' }).click()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'in-order' }).waitFor()
    expect((await find('in-order')).actions).toMatchObject([{ type: 'run-deployment', deployment_id: ids.deployment }])
    await close(opened)
  })

  test('show when they fired and what was done, are edited, turned off, copied and deleted', async () => {
    const trigger = { type: 'event', posture: 'Reactive', expect: ['shop.closed'], match: { 'prefect.resource.id': '*' }, match_related: {}, for_each: [], threshold: 1, within: 0 }
    const actions = [{ type: 'do-nothing' }, { type: 'cancel-flow-run' }]
    const { id } = await server.call<Automation>('POST', '/automations/', { name: 'on-closing', description: '', enabled: true, trigger, actions })
    const opened = await open(server, `/automations/automation/${id}`)
    const { page } = opened
    await page.getByText('It has not fired yet.').waitFor()
    await server.call('POST', '/events', [{ event: 'shop.closed', occurred: new Date().toISOString(), resource: { 'prefect.resource.id': 'shop.1', 'prefect.resource.name': 'the shop' }, id: crypto.randomUUID() }])
    await page.getByText('the shop').waitFor({ timeout: 30_000 })
    await page.getByText('do nothing: done').waitFor({ timeout: 30_000 })
    await page.getByText(/cancel flow run: failed: /).waitFor({ timeout: 30_000 })
    await page.getByRole('switch', { name: 'on-closing is on' }).click()
    await page.getByText('The automation is off.').waitFor()
    expect((await find('on-closing')).enabled).toBe(false)
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByRole('textbox', { name: 'Description' }).fill('Tells that the shop is closed.')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('Tells that the shop is closed.', { exact: true }).waitFor()
    await page.getByRole('link', { name: 'Duplicate' }).click()
    await page.getByRole('heading', { name: 'Create an automation' }).waitFor()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'on-closing copy' }).waitFor()
    expect((await find('on-closing copy')).trigger).toMatchObject({ expect: ['shop.closed'] })
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.waitForURL(/\/automations$/)
    expect(await find('on-closing copy')).toBeUndefined()
    await close(opened)
  })
})
