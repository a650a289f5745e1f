import { afterAll, beforeAll, expect, test } from 'vitest'
import { close, forEachInPairs, inBrowser, open, useBrowser } from './browser'
import { freePort, TestServer } from './servers'

inBrowser('lists', () => {
  useBrowser()
  let server: TestServer
  let flow: string
  beforeAll(async () => {
    server = new TestServer(await freePort())
    await server.start()
    flow = (await server.call<{ id: string }>('POST', '/flows/', { name: 'etl' })).id
  })
  afterAll(() => server.remove())

  test('of a server where nothing has run say what to do, with something to copy', async () => {
    const empty = new TestServer(await freePort())
    await empty.start()
    try {
      await forEachInPairs(['/', '/runs', '/runs?kind=task_run', '/flows', '/deployments', '/work-pools', '/automations', '/events', '/artifacts', '/assets', '/blocks', '/variables', '/concurrency-limits'], async (path) => {
        const opened = await open(empty, path)
        await opened.page.locator('.empty').first().getByRole('button', { name: 'Copy' }).waitFor()
        await close(opened)
      })
    } finally {
      await empty.remove()
    }
  })

  test('of runs say on a phone when a run started and how long it took', async () => {
    const run = await server.call<{ id: string }>('POST', '/flow_runs/', { flow_id: flow, name: 'pocket-otter', state: { type: 'RUNNING' } })
    await server.call('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'COMPLETED' } })
    const opened = await open(server, '/runs?q=name:pocket', { viewport: { width: 390, height: 844 } })
    const row = opened.page.getByRole('row', { name: /pocket-otter/ })
    const facts = row.locator('.phone')
    await facts.getByText(/^\d+ \w+, \d\d:\d\d:\d\d$/).waitFor()
    await facts.getByText(/ (ms|s)$/).waitFor()
    const box = (await facts.boundingBox())!
    expect(box.x + box.width).toBeLessThan(390)
    await close(opened)
  })

  test('of deployments act on those that were chosen', async () => {
    for (const name of ['one', 'two']) {
      await server.call('POST', '/deployments/', { name, flow_id: flow, tags: [name], schedules: [{ schedule: { interval: 86_400 } }] })
    }
    const opened = await open(server, '/deployments')
    const { page } = opened
    await page.getByRole('checkbox', { name: 'Choose', exact: true }).check()
    await page.getByRole('button', { name: 'Pause schedules' }).click()
    await page.getByText('Pause schedules: 2 done.').waitFor()
    const read = () => server.call<{ name: string; paused: boolean }[]>('POST', '/deployments/filter', {})
    expect((await read()).map((each) => each.paused)).toEqual([true, true])
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByText('Undo: 2 done.').waitFor()
    expect((await read()).map((each) => each.paused)).toEqual([false, false])
    await page.getByRole('searchbox', { name: 'Tag' }).fill('two')
    await page.getByText('1–1 of 1').waitFor()
    await page.getByRole('checkbox', { name: 'Choose two' }).check()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('No deployment matches').waitFor()
    expect((await read()).map((each) => each.name)).toEqual(['one'])
    await close(opened)
  })

  test('of deployments keep the order that was chosen last', async () => {
    const opened = await open(server, '/deployments')
    const { page } = opened
    await page.getByRole('combobox', { name: 'Order' }).selectOption('Z to A')
    await page.waitForURL(/sort=-name/)
    await page.getByRole('link', { name: 'Flows', exact: true }).click()
    await page.getByRole('link', { name: 'Deployments', exact: true }).click()
    await page.waitForURL(/deployments$/)
    expect(await page.getByRole('combobox', { name: 'Order' }).inputValue()).toBe('-name')
    await close(opened)
  })

  test('of runs are narrowed by what one chooses, and show the columns that one wants', async () => {
    await server.call('POST', '/flow_runs/', { flow_id: flow, name: 'mine', tags: ['a'], state: { type: 'COMPLETED' } })
    const opened = await open(server, '/runs')
    const { page } = opened
    await page.getByRole('button', { name: 'Filter actions' }).click()
    await page.getByLabel('Flow', { exact: true }).fill('etl')
    await page.keyboard.press('Enter')
    await page.waitForURL(/q=flow%3A%22etl%22/)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Columns actions' }).click()
    await page.getByRole('checkbox', { name: 'Tags' }).uncheck()
    await page.getByRole('columnheader', { name: 'Tags' }).waitFor({ state: 'detached' })
    await page.reload()
    await page.getByRole('columnheader', { name: 'Deployment' }).waitFor()
    expect(await page.getByRole('columnheader', { name: 'Tags' }).count()).toBe(0)
    await page.goto(`${server.url}/runs?q=state:crashed`)
    await page.getByText('No run matches the query').waitFor()
    await page.getByRole('button', { name: 'Remove state:crashed' }).click()
    await page.getByRole('row', { name: /mine/ }).waitFor()
    await close(opened)
  })

  test('of the overview show the runs of a query', async () => {
    await server.call('POST', '/flow_runs/', { flow_id: flow, name: 'other', tags: ['b'], state: { type: 'RUNNING' } })
    await server.call('POST', '/flow_runs/', { flow_id: flow, name: 'wanted', tags: ['c'], state: { type: 'RUNNING' } })
    const opened = await open(server, '/')
    const { page } = opened
    await page.getByRole('link', { name: 'other', exact: true }).waitFor()
    await page.getByRole('searchbox', { name: /^Filter/ }).fill('tag:c')
    await page.getByRole('link', { name: 'other', exact: true }).waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'wanted', exact: true }).waitFor()
    await page.getByRole('button', { name: 'Earlier' }).click()
    await page.waitForURL(/back=1/)
    await page.getByRole('combobox', { name: 'Time span' }).selectOption('Another time…')
    await page.getByRole('radio', { name: 'Around a time' }).check()
    await page.getByRole('spinbutton', { name: 'Hours before and after' }).fill('-1')
    await page.getByText('It must end after it begins.').waitFor()
    await page.getByRole('spinbutton', { name: 'Hours before and after' }).fill('2')
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    await page.waitForURL(/hours=4&until=/)
    await page.getByRole('combobox', { name: 'Time span' }).getByText(/^4 hours until/).waitFor({ state: 'attached' })
    await page.goto(`${server.url}/runs`)
    await page.getByRole('combobox', { name: 'Since' }).selectOption('Another time…')
    await page.getByRole('button', { name: 'Today' }).click()
    await page.waitForURL(/since%3A\d{4}-\d\d-\d\dT.*until%3A/)
    await page.getByRole('link', { name: 'wanted', exact: true }).waitFor()
    await close(opened)
  })

  test('lead to task runs, whose state can be changed and which can be deleted', async () => {
    const run = (await server.call<{ id: string }>('POST', '/flow_runs/', { flow_id: flow, name: 'owner', state: { type: 'RUNNING' } })).id
    const task = (await server.call<{ id: string }>('POST', '/task_runs/', { flow_run_id: run, name: 'load-0', task_key: 'load', dynamic_key: '0', state: { type: 'RUNNING' } })).id
    const opened = await open(server, `/runs/task-run/${task}`)
    const { page } = opened
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('button', { name: 'Change state…' }).click()
    await page.getByRole('combobox', { name: 'State' }).selectOption('FAILED')
    await page.getByRole('textbox', { name: 'Reason' }).fill('it hung')
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.locator('.heading').getByText('Failed').waitFor()
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.waitForURL(new RegExp(`flow-run/${run}`))
    await opened.close()
    await expect(server.call('GET', `/task_runs/${task}`)).rejects.toThrow('404')
  })

  test('have the columns beside a name of any length, and no page goes beyond the window', async () => {
    const long = 'a-very-long-name-'.repeat(12)
    const { id: flow_id } = await server.call<{ id: string }>('POST', '/flows/', { name: long })
    const run = await server.call<{ id: string }>('POST', '/flow_runs/', { flow_id, name: long, tags: [long], state: { type: 'FAILED', message: `Flow run encountered an exception: ValueError: ${'z'.repeat(1500)}` } })
    const deployment = await server.call<{ id: string }>('POST', '/deployments/', { flow_id, name: long, tags: [long] })
    await server.call('POST', '/variables/', { name: 'x'.repeat(200), value: 'y'.repeat(300), tags: [long] })
    await server.call('POST', '/v2/concurrency_limits/', { name: long, limit: 1 })
    await server.call('POST', '/work_pools/', { name: 'local', type: 'process' })
    await server.call('POST', '/work_pools/local/workers/heartbeat', { name: long })
    const last: [string, string][] = [['/flows', 'Copy id'], ['/deployments', 'Run…'], ['/variables', 'Delete…'], ['/concurrency-limits', 'Delete…'], ['/work-pools/work-pool/local?tab=workers', 'Remove']]
    for (const [path, action] of last) {
      const opened = await open(server, path)
      const row = opened.page.getByRole('row', { name: new RegExp(`${long}|x{200}`) })
      const box = (await row.getByText(action, { exact: true }).boundingBox())!
      expect(box.x + box.width, path).toBeLessThan(1440)
      await close(opened)
    }
    await forEachInPairs(['/', '/runs', '/automations/create', `/runs/flow-run/${run.id}`, `/deployments/deployment/${deployment.id}`, `/deployments/deployment/${deployment.id}/run`, ...last.map(([path]) => path)], async (path) => {
      const opened = await open(server, path, { viewport: { width: 390, height: 844 } })
      await opened.page.waitForLoadState('networkidle', { timeout: 1000 }).catch(() => undefined)
      for (const width of [390, 1440]) {
        await opened.page.setViewportSize({ width, height: 844 })
        expect(await opened.page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(width)
      }
      await close(opened)
    })
  })

  test('of artifacts are cards or rows, as one likes, and have pages', async () => {
    for (let n = 0; n < 25; n += 1) await server.call('POST', '/artifacts/', { key: `report-${n}`, type: 'progress', data: n, description: 'Of **all** shops' })
    const opened = await open(server, '/artifacts')
    const { page } = opened
    await page.getByRole('listitem').filter({ hasText: 'report-24' }).getByText('Of all shops').waitFor()
    await page.getByRole('combobox', { name: 'Layout' }).selectOption('List')
    await page.getByRole('row', { name: /report-24 progress Of all shops/ }).waitFor()
    await page.getByRole('combobox', { name: 'Rows' }).selectOption('20')
    await page.getByText('1–20 of 25').waitFor()
    await page.getByRole('button', { name: 'Last' }).click()
    await page.getByRole('row', { name: /report-0 / }).waitFor()
    await page.reload()
    await page.getByText('21–25 of 25').waitFor()
    await page.getByRole('combobox', { name: 'Rows' }).selectOption('50')
    await page.getByText('1–25 of 25').waitFor()
    await page.getByRole('link', { name: 'report-24' }).click()
    await page.getByRole('heading', { level: 1, name: 'report-24' }).waitFor()
    await close(opened)
  })

  test('of the artifacts of a run are cards or rows', async () => {
    const run = await server.call<{ id: string }>('POST', '/flow_runs/', { flow_id: flow, name: 'maker', state: { type: 'COMPLETED' } })
    await server.call('POST', '/artifacts/', { key: 'made-report', type: 'markdown', data: 'Of **this** run', flow_run_id: run.id })
    const opened = await open(server, `/runs/flow-run/${run.id}?tab=artifacts`)
    const { page } = opened
    await page.getByRole('listitem').filter({ hasText: 'made-report' }).locator('b', { hasText: 'this' }).waitFor()
    await page.getByRole('combobox', { name: 'Layout' }).selectOption('List')
    await page.getByRole('row', { name: /made-report markdown/ }).getByRole('link').click()
    await page.getByRole('heading', { level: 1, name: 'made-report' }).waitFor()
    await close(opened)
  })

  test('of variables have pages, and a page that is not there is the last one', async () => {
    for (let n = 0; n < 51; n += 1) await server.call('POST', '/variables/', { name: `paged_${n}`, value: n })
    const opened = await open(server, '/variables?page=9&q=paged')
    const { page } = opened
    await page.getByText('51–51 of 51').waitFor()
    await page.waitForURL(/page=2/)
    await page.getByRole('button', { name: 'First' }).click()
    await page.getByText('1–50 of 51').waitFor()
    await page.goto(`${server.url}/flows?page=9`)
    await page.getByText(/^1–\d of \d$/).waitFor()
    await close(opened)
  })

  test('and the pages of objects show descriptions as markdown', async () => {
    const description = 'For **large** tables, see [the guide](https://x.example). <b>No HTML</b>; `order_id`'
    await server.call('POST', '/work_pools/', { name: 'described', type: 'process', description })
    await server.call('POST', '/work_pools/described/queues', { name: 'slow', description })
    const trigger = { type: 'event', posture: 'Reactive', expect: ['never'], threshold: 1, within: 0 }
    const automation = await server.call<{ id: string }>('POST', '/automations/', { name: 'described', description, trigger, actions: [{ type: 'do-nothing' }] })
    const artifact = await server.call<{ id: string }>('POST', '/artifacts/', { key: 'described', type: 'progress', data: 1, description })
    const deployment = await server.call<{ id: string }>('POST', '/deployments/', { name: 'described', flow_id: flow, description, parameter_openapi_schema: { type: 'object', properties: { batch: { title: 'batch', type: 'integer', description } } } })
    for (const path of ['/work-pools/work-pool/described', '/work-pools/work-pool/described/queue/slow', `/automations/automation/${automation.id}`, `/artifacts/artifact/${artifact.id}`, '/artifacts/key/described', `/deployments/deployment/${deployment.id}?tab=description`, `/deployments/deployment/${deployment.id}/run`]) {
      const opened = await open(server, path)
      const text = opened.page.locator('.markdown')
      await text.locator('b', { hasText: 'large' }).waitFor()
      await text.getByRole('link', { name: 'the guide' }).waitFor()
      await text.locator('code', { hasText: 'order_id' }).waitFor()
      await text.getByText('<b>No HTML</b>').waitFor()
      await close(opened)
    }
    const opened = await open(server, '/automations')
    await opened.page.getByText('For large tables, see the guide.').waitFor()
    await opened.page.goto(`${server.url}/blocks/catalog/webhook`)
    await opened.page.locator('td code', { hasText: 'POST' }).first().waitFor()
    await close(opened)
  })
})
