import { beforeAll, expect, test } from 'vitest'
import { findIds, type Ids } from './addresses'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

inBrowser('people', () => {
  useBrowser()
  const server = sharedServer()
  let ids: Ids
  beforeAll(async () => {
    ids = await findIds(server)
  })

  test('find runs by a query that the address keeps', async () => {
    const opened = await open(server, '/runs')
    await opened.page.getByRole('button', { name: /^Failed / }).click()
    await opened.page.waitForURL(/q=state%3Afailed/)
    await opened.page.getByRole('textbox', { name: 'Query' }).fill('state:failed error:"timeout" name:broken')
    await opened.page.keyboard.press('Enter')
    await opened.page.getByText('1–1 of 1').waitFor()
    expect(await opened.page.locator('tbody tr').count()).toBe(1)
    await opened.page.goBack()
    await opened.page.waitForURL(/q=state%3Afailed$/)
    await close(opened)
  })

  test('read what to write when a query is wrong', async () => {
    const opened = await open(server, '/runs?q=colour:red')
    await opened.page.getByText("Queries of flow runs have no field 'colour'").waitFor()
    await opened.close()
  })

  test('save a query as a view that others see, and open the list with it', async () => {
    const opened = await open(server, '/runs?q=state:failed+name:broken')
    await opened.page.getByRole('button', { name: 'Save as a view…' }).click()
    await opened.page.getByLabel('Name of the view').fill('Broken ones')
    await opened.page.getByRole('button', { name: 'Save', exact: true }).click()
    await opened.page.getByRole('button', { name: 'Open with this view' }).click()
    await opened.page.getByRole('link', { name: 'Overview' }).click()
    await opened.page.getByRole('link', { name: 'Runs', exact: true }).click()
    await opened.page.waitForURL(/q=state%3Afailed\+name%3Abroken/)
    await opened.page.getByText('1–1 of 1').waitFor()
    const other = await open(server, '/runs')
    await other.page.getByRole('link', { name: 'Broken ones' }).click()
    await other.page.getByText('1–1 of 1').waitFor()
    await other.page.getByRole('button', { name: 'Delete the view…' }).click()
    await other.page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await other.page.getByRole('link', { name: 'Broken ones' }).waitFor({ state: 'detached' })
    await close(other)
    await close(opened)
  })

  test('see why a run failed at the top of its page', async () => {
    const opened = await open(server, `/runs/flow-run/${ids.run}`)
    const box = opened.page.getByRole('region', { name: 'Why it failed' })
    await box.getByText('timeout: the warehouse did not answer').first().waitFor()
    await box.getByRole('link', { name: 'transform-0' }).waitFor()
    await box.getByText('1 task was not run because of it').waitFor()
    expect(await box.locator('li').count()).toBe(2)
    await box.getByRole('button', { name: 'Show 2 of libraries' }).click()
    expect(await box.locator('li').count()).toBe(4)
    await close(opened)
  })

  test('search a whole log', async () => {
    const opened = await open(server, `/runs/flow-run/${await server.findRun('chatty-lynx')}?tab=logs`)
    await opened.page.waitForSelector('[data-line="0"]')
    await opened.page.getByRole('textbox', { name: 'Search the log' }).fill('NEEDLE')
    await opened.page.keyboard.press('Enter')
    await opened.page.getByText('1 of 1').waitFor()
    await opened.page.locator('[data-line="12345"] .hit').waitFor({ state: 'visible' })
    await close(opened)
  })

  test('see changes without loading the page again', async () => {
    const run = await server.call<{ id: string }>('POST', '/flow_runs/', { flow_id: ids.flow, name: 'live-one', state: { type: 'PENDING' } })
    const opened = await open(server, `/runs/flow-run/${run.id}?tab=logs`)
    await opened.page.waitForTimeout(500)
    await server.call('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'RUNNING' }, force: true })
    await opened.page.locator('.heading').getByText('Running').waitFor({ timeout: 5000 })
    await server.call('POST', '/logs/', [{ name: 'x', level: 20, message: 'fresh line', timestamp: new Date().toISOString(), flow_run_id: run.id }])
    await opened.page.getByText('fresh line').waitFor({ timeout: 5000 })
    await opened.page.getByRole('button', { name: 'Cancel' }).click()
    await opened.page.getByRole('button', { name: 'Cancel the run' }).click()
    await opened.page.locator('.heading').getByText(/Cancell/).waitFor({ timeout: 5000 })
    await close(opened)
  })

  test('answer a run that waits for them', async () => {
    const run = await server.findRun('waiting-newt')
    const opened = await open(server, '/')
    const form = opened.page.locator('form.resume')
    await form.getByLabel('Approve').selectOption('true')
    await form.getByRole('button', { name: 'Resume' }).click()
    await opened.page.getByText('The run goes on.').waitFor()
    expect((await server.call<{ state_type: string }>('GET', `/flow_runs/${run}`)).state_type).toBe('RUNNING')
    await close(opened)
  })

  test('run a deployment with parameters that fit its schema', async () => {
    const opened = await open(server, `/deployments/deployment/${ids.deployment}/run`)
    await opened.page.getByLabel('batch', { exact: true }).fill('0')
    await opened.page.getByRole('button', { name: 'Run', exact: true }).click()
    await opened.page.getByText('It must be 1 or more.').waitFor()
    await opened.page.getByLabel('batch', { exact: true }).fill('7')
    await opened.page.getByRole('button', { name: 'Run', exact: true }).click()
    await opened.page.waitForURL(/runs\/flow-run\//)
    const id = opened.page.url().split('/').pop() as string
    expect((await server.call<{ parameters: Record<string, unknown> }>('GET', `/flow_runs/${id}`)).parameters).toMatchObject({ batch: 7, source: 's3://orders' })
    await close(opened)
  })

  test('act on many runs at once, with a result for each', async () => {
    for (const [name, type] of [['bulk-one', 'PENDING'], ['bulk-two', 'COMPLETED']]) {
      await server.call('POST', '/flow_runs/', { flow_id: ids.flow, name, tags: ['bulk'], state: { type } })
    }
    const opened = await open(server, '/runs?q=tag:bulk')
    const { page } = opened
    await page.getByRole('checkbox', { name: 'Choose', exact: true }).check()
    await page.getByRole('button', { name: 'Cancel…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByText('1 done, 1 left as they are; finished.').waitFor()
    await page.getByText('It has ended: Completed.').waitFor()
    const job = await page.getByRole('link', { name: 'Its page' }).getAttribute('href')
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click()
    await page.getByRole('checkbox', { name: 'Choose', exact: true }).check()
    await page.getByRole('button', { name: 'Add tags…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText('Enter a tag.').waitFor()
    await page.getByRole('textbox', { name: 'Tags, separated by commas' }).fill('looked-at')
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText('2 done; finished.').waitFor()
    expect(await server.call<unknown[]>('POST', '/flow_runs/filter', { flow_runs: { tags: { all_: ['looked-at'] } } })).toHaveLength(2)
    await page.goto(server.url + job)
    await page.getByRole('heading', { name: 'Cancel 2 runs' }).waitFor()
    expect(await page.locator('tbody tr').allTextContents()).toEqual([expect.stringContaining('left as it was'), expect.stringContaining('done')])
    await page.getByRole('link', { name: 'Bulk jobs' }).click()
    await page.locator('tbody tr', { hasText: 'Cancel 2 runs' }).getByText('1 done, 1 left as they are').waitFor()
    await close(opened)
  })

  test('go anywhere with the keyboard', async () => {
    const opened = await open(server, '/settings')
    await opened.page.keyboard.press('Control+k')
    await opened.page.getByRole('combobox', { name: 'Search' }).fill('broken-heron')
    await opened.page.getByRole('option').filter({ hasText: 'flow run of nightly-etl' }).first().click()
    await opened.page.waitForURL(/flow-run/)
    await opened.page.locator('h1', { hasText: 'broken-heron' }).waitFor()
    await opened.page.keyboard.press('g')
    await opened.page.keyboard.press('v')
    await opened.page.waitForURL(/variables$/)
    await opened.page.keyboard.press('?')
    await opened.page.getByRole('dialog', { name: 'Keys' }).waitFor()
    await close(opened)
  })

  test('add, change and delete a variable', async () => {
    const opened = await open(server, '/variables')
    opened.page.on('dialog', (dialog) => void dialog.accept())
    await opened.page.getByRole('button', { name: 'Add a variable' }).click()
    await opened.page.getByLabel('Name').last().fill('colour')
    await opened.page.getByLabel(/^Value/).fill('{"a": [1]}')
    await opened.page.getByRole('button', { name: 'Save' }).click()
    const row = opened.page.locator('tr', { hasText: 'colour' })
    await row.getByText('{"a":[1]}').waitFor()
    await row.getByRole('button', { name: 'Delete' }).click()
    await row.waitFor({ state: 'detached' })
    await close(opened)
  })
})
