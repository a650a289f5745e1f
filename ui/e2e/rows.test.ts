import { expect, test } from 'vitest'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

interface Named {
  id: string
}

inBrowser('rows of lists', () => {
  useBrowser()
  const server = sharedServer()

  test('of deployments have what one does with each', async () => {
    const { id: flow_id } = await server.call<Named>('POST', '/flows/', { name: 'row-flow' })
    const { id } = await server.call<Named>('POST', '/deployments/', { flow_id, name: 'row-one' })
    const opened = await open(server, '/deployments?q=row-one')
    const { page } = opened
    const row = page.getByRole('row', { name: /row-one/ })
    await row.getByText('not polled').waitFor()
    await row.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('button', { name: 'Run now' }).click()
    await page.waitForURL(/runs\/flow-run\//)
    await page.goto(`${server.url}/deployments?q=row-one`)
    await row.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByText('This cannot be undone.').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await row.waitFor({ state: 'detached' })
    await close(opened)
    await expect(server.call('GET', `/deployments/${id}`)).rejects.toThrow('404')
  })

  test('of automations are deleted, and of pools say which queues are polled', async () => {
    const trigger = { type: 'event', posture: 'Reactive', expect: ['never'], threshold: 1, within: 0 }
    await server.call('POST', '/automations/', { name: 'row-automation', trigger, actions: [{ type: 'do-nothing' }] })
    const opened = await open(server, '/automations')
    const { page } = opened
    const row = page.getByRole('row', { name: /row-automation/ })
    await row.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await row.waitFor({ state: 'detached' })
    await server.call('POST', '/work_pools/', { name: 'row-pool', type: 'process' })
    await server.call('POST', '/work_pools/row-pool/queues', { name: 'slow', is_paused: true })
    await page.goto(`${server.url}/work-pools?q=row-pool`)
    await page.getByRole('row', { name: /row-pool/ }).getByText('2 (1 not polled, 1 paused)').waitFor()
    await close(opened)
  })

  test('of limits free their slots', async () => {
    await server.call('POST', '/v2/concurrency_limits/', { name: 'row-limit', limit: 2, active_slots: 1 })
    const opened = await open(server, '/concurrency-limits')
    const { page } = opened
    const row = page.getByRole('row', { name: /row-limit/ })
    await row.getByRole('button', { name: 'Free all slots…' }).click()
    await page.getByRole('button', { name: 'Free them' }).click()
    await row.getByText('0 of 2').waitFor()
    await close(opened)
  })

  test('of table artifacts are searched, paged, and shown as they were written', async () => {
    const data = JSON.stringify(Array.from({ length: 250 }, (_, n) => ({ order: `order-${n}`, rows: n })))
    const { id } = await server.call<Named>('POST', '/artifacts/', { key: 'row-table', type: 'table', data })
    const opened = await open(server, `/artifacts/artifact/${id}`)
    const { page } = opened
    await page.getByText('1–100 of 250').waitFor()
    await page.getByRole('searchbox', { name: 'Text in the rows' }).fill('order-249')
    await page.getByRole('cell', { name: 'order-249' }).waitFor()
    expect(await page.getByRole('cell', { name: /^order-/ }).count()).toBe(1)
    await page.getByRole('button', { name: 'Source' }).click()
    await page.getByText('{"order":"order-0","rows":0}').waitFor()
    await close(opened)
  })

  test('of the runs of a flow are narrowed and sorted on its page', async () => {
    const { id: flow_id } = await server.call<Named>('POST', '/flows/', { name: 'row-narrowed' })
    for (const [name, type] of [['row-b', 'FAILED'], ['row-a', 'COMPLETED']]) await server.call('POST', '/flow_runs/', { flow_id, name, state: { type } })
    const opened = await open(server, `/flows/flow/${flow_id}`)
    const { page } = opened
    await page.getByRole('button', { name: /^Run/ }).click()
    await page.waitForURL(/sort=/)
    await page.getByRole('button', { name: /^Failed/ }).click()
    await page.getByRole('row', { name: /row-a/ }).waitFor({ state: 'detached' })
    await page.getByRole('row', { name: /row-b/ }).waitFor()
    await page.getByRole('link', { name: 'All runs (1)' }).click()
    await page.waitForURL(/\/runs\?/)
    await page.getByRole('row', { name: /row-b/ }).waitFor()
    await close(opened)
  })

  test('of runs are chosen by the names of states', async () => {
    const { id: flow_id } = await server.call<Named>('POST', '/flows/', { name: 'row-states' })
    for (const [name, type] of [['row-due', 'SCHEDULED'], ['row-done', 'COMPLETED']]) await server.call('POST', '/flow_runs/', { flow_id, name, state: { type } })
    const opened = await open(server, '/runs?q=flow:row-states')
    const { page } = opened
    await page.getByRole('row', { name: /row-due/ }).waitFor()
    await page.getByRole('button', { name: 'Filter actions' }).click()
    await page.getByRole('combobox', { name: 'State' }).selectOption('All except scheduled')
    await page.getByRole('row', { name: /row-due/ }).waitFor({ state: 'detached' })
    await page.getByRole('combobox', { name: 'State' }).selectOption('Failed')
    await page.getByText('No run matches the query').waitFor()
    await close(opened)
  })
})
