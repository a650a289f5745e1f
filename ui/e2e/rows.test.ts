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

  test('ask before something is removed or cancelled, in the colour of danger', async () => {
    const { id: flow_id } = await server.call<Named>('POST', '/flows/', { name: 'row-danger' })
    const { id } = await server.call<Named>('POST', '/flow_runs/', { flow_id, name: 'row-danger', state: { type: 'RUNNING' } })
    await server.call('POST', '/variables/', { name: 'row_danger', value: 1 })
    const opened = await open(server, `/runs/flow-run/${id}`)
    const { page } = opened
    const expectDanger = async (verb: string) => {
      const button = page.getByRole('dialog').getByRole('button', { name: verb, exact: true })
      expect(await button.evaluate((each) => getComputedStyle(each).backgroundColor), verb).toBe('rgb(198, 42, 46)')
      await page.keyboard.press('Escape')
    }
    await page.getByRole('button', { name: 'Cancel' }).click()
    await expectDanger('Cancel the run')
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await expectDanger('Delete')
    await page.goto(`${server.url}/runs?q=flow:row-danger`)
    await page.getByRole('checkbox', { name: 'Choose row-danger' }).check()
    for (const verb of ['Cancel', 'Delete']) {
      await page.getByRole('button', { name: `${verb}…` }).click()
      await expectDanger(verb)
    }
    await page.goto(`${server.url}/variables?q=row_danger`)
    await page.getByRole('button', { name: 'Delete…' }).click()
    await expectDanger('Delete')
    await page.getByRole('checkbox', { name: 'Choose row_danger' }).check()
    await page.getByRole('button', { name: 'Delete…' }).first().click()
    await expectDanger('Delete')
    await close(opened)
  })

  test('of events are narrowed in one line of a small window, and held', async () => {
    const opened = await open(server, '/events', { viewport: { width: 1280, height: 800 } })
    const { page } = opened
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await page.getByRole('button', { name: 'Go on' }).waitFor()
    const [first, last] = await Promise.all([page.getByRole('combobox', { name: /^Event/ }), page.getByRole('checkbox', { name: 'Group by run' })].map((each) => each.boundingBox()))
    expect(last!.y).toBeLessThan(first!.y + first!.height)
    expect(last!.y + last!.height).toBeGreaterThan(first!.y)
    await close(opened)
  })

  test('of limits have pages, and those of tags their own', async () => {
    for (let n = 10; n < 31; n += 1) {
      await server.call('POST', '/v2/concurrency_limits/', { name: `paged-${n}`, limit: 2 })
      await server.call('POST', '/concurrency_limits/', { tag: `paged-${n}`, concurrency_limit: 2 })
    }
    const opened = await open(server, '/concurrency-limits?q=paged')
    const { page } = opened
    const [globals, tags] = [page.locator('section', { hasText: 'Global limits' }), page.locator('section', { hasText: 'by tag' })]
    await globals.getByRole('combobox', { name: 'Rows' }).selectOption('20')
    await globals.getByText('1–20 of 21').waitFor()
    await globals.getByRole('button', { name: 'Last' }).click()
    await globals.getByRole('link', { name: 'paged-30' }).waitFor()
    await tags.getByText('1–20 of 21').waitFor()
    await tags.getByRole('button', { name: 'Last' }).click()
    await tags.getByRole('link', { name: 'paged-30' }).waitFor()
    await page.reload()
    await globals.getByText('21–21 of 21').waitFor()
    await page.getByRole('searchbox', { name: 'Name or tag' }).fill('paged-11')
    await globals.getByText('1–1 of 1').waitFor()
    await tags.getByText('1–1 of 1').waitFor()
    await page.getByRole('searchbox', { name: 'Name or tag' }).fill('none of these')
    await globals.getByText('No global limit matches').waitFor()
    await tags.getByText('No tag with a limit matches').waitFor()
    await close(opened)
  })

  test('of the tasks of a run have pages, to the last', async () => {
    const opened = await open(server, `/runs/flow-run/${await server.findRun('wide-ibex')}?tab=tasks`)
    const { page } = opened
    await page.getByText(/^1–100 of /).waitFor()
    await page.getByRole('button', { name: 'Last' }).click()
    await page.waitForURL(/page=\d+/)
    await page.getByText(/^[2-9].*–(.+) of \1$/).waitFor()
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
