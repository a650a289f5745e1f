import { expect, test } from 'vitest'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

interface Pool {
  type: string
  concurrency_limit: number | null
  is_paused: boolean
  base_job_template: { variables: { properties: Record<string, { default?: unknown }> } }
}

inBrowser('work pools and limits', () => {
  useBrowser()
  const server = sharedServer()

  test('pools are created with defaults of their jobs, edited and deleted', async () => {
    const opened = await open(server, '/work-pools')
    const { page } = opened
    await page.getByRole('link', { name: 'Create a work pool' }).click()
    await page.getByRole('radio', { name: /Docker/ }).check()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('It is required.').waitFor()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('containers')
    await page.getByRole('checkbox', { name: 'Set image', exact: true }).check()
    await page.getByRole('textbox', { name: 'image', exact: true }).fill('python:3.12')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'containers' }).waitFor()
    const made = await server.call<Pool>('GET', '/work_pools/containers')
    expect([made.type, made.base_job_template.variables.properties.image!.default]).toEqual(['docker', 'python:3.12'])
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByRole('spinbutton', { name: 'Runs at the same time' }).fill('7')
    await page.getByRole('switch', { name: 'Paused' }).check()
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.waitForURL(/work-pool\/containers$/)
    expect(await server.call<Pool>('GET', '/work_pools/containers')).toMatchObject({ concurrency_limit: 7, is_paused: true, base_job_template: made.base_job_template })
    await page.getByRole('link', { name: 'Create a queue' }).click()
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('urgent')
    await page.getByRole('spinbutton', { name: /^Priority/ }).fill('0')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('It must be a whole number, 1 or more.').waitFor()
    await page.getByRole('spinbutton', { name: /^Priority/ }).fill('1')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('link', { name: 'urgent' }).click()
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByRole('spinbutton', { name: 'Runs at the same time' }).fill('2')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.waitForURL(/queue\/urgent$/)
    expect(await server.call('GET', '/work_pools/containers/queues/urgent')).toMatchObject({ concurrency_limit: 2, priority: 1 })
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.waitForURL(/work-pool\/containers$/)
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.waitForURL(/\/work-pools$/)
    await close(opened)
  })

  test('what is done can be copied as a command and as Python, before and after, and undone', async () => {
    await server.call('POST', '/work_pools/', { name: 'copied', type: 'process' })
    const opened = await open(server, '/work-pools', { permissions: ['clipboard-read', 'clipboard-write'] })
    const { page } = opened
    const read = () => page.evaluate(() => navigator.clipboard.readText())
    await page.getByRole('switch', { name: 'copied is on' }).uncheck()
    const told = page.locator('.toast', { hasText: 'The pool is paused.' })
    await told.getByRole('button', { name: 'Copy the command' }).click()
    expect(await read()).toBe('prefect work-pool pause copied')
    await told.getByRole('button', { name: 'Copy as Python' }).click()
    expect(await read()).toContain('    client.request("PATCH", "/work_pools/copied", json={"is_paused": True})')
    expect(await server.call<Pool>('GET', '/work_pools/copied')).toMatchObject({ is_paused: true })
    await told.getByRole('button', { name: 'Undo' }).click()
    await page.locator('.toast', { hasText: 'The change was undone.' }).waitFor()
    await page.getByRole('switch', { name: 'copied is on', checked: true }).waitFor()
    expect(await server.call<Pool>('GET', '/work_pools/copied')).toMatchObject({ is_paused: false })
    await page.goto(`${server.url}/work-pools/work-pool/copied/queue/create`)
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('high')
    await page.getByRole('button', { name: 'Copy the command' }).click()
    expect(await read()).toBe(`prefect api POST /work_pools/copied/queues --data '{"name":"high","description":null,"concurrency_limit":null,"is_paused":false}'`)
    await close(opened)
  })

  test('workers say where they run, what they have and what they failed to start; runs that wait say whether their queue is polled', async () => {
    await server.call('POST', '/work_pools/', { name: 'told', type: 'process' })
    const run = await server.findRun('broken-heron')
    const last_failure = { occurred: new Date().toISOString(), flow_run_id: run, flow_run_name: 'broken-heron', message: 'There is no image report:1.4' }
    await server.call('POST', '/work_pools/told/workers/heartbeat', { name: 'w1', metadata: { host: 'desk-9', pid: 7, version: '1.2', python: '3.12.8', limit: 3, resource_id: 'prefect.worker.process.w1', last_failure } })
    await server.call('POST', '/work_pools/told/workers/heartbeat', { name: 'w2', metadata: { integrations: [{ name: 'prefect-aws', version: '0.5.0' }] } })
    const { id: flow_id } = await server.call<{ id: string }>('POST', '/flows/', { name: 'told-flow' })
    const { id: busy } = await server.call<{ id: string }>('POST', '/flow_runs/', { flow_id, name: 'busy-bee', work_pool_name: 'told', labels: { 'prefect.worker.name': 'w1' }, state: { type: 'RUNNING' } })
    await server.call('POST', '/flow_runs/', { flow_id, name: 'idle-bee', work_pool_name: 'told', state: { type: 'SCHEDULED', name: 'Late' } })
    const opened = await open(server, '/work-pools/work-pool/told?tab=workers')
    const { page } = opened
    const row = page.getByRole('row', { name: /^w1/ })
    for (const text of ['Online', '1 of 3', 'desk-9', 'process 7', 'Pluperfect 1.2, Python 3.12.8', 'There is no image report:1.4']) await row.getByText(text).waitFor()
    expect(await row.getByRole('link', { name: 'busy-bee' }).getAttribute('href')).toContain(busy)
    expect(await row.getByRole('link', { name: 'Events' }).getAttribute('href')).toContain('resource=prefect.worker.process.w1')
    await page.getByRole('row', { name: /^w2/ }).getByText('prefect-aws 0.5.0').waitFor()
    await page.goto(`${server.url}/runs?q=flow:told-flow`)
    await page.getByRole('row', { name: /idle-bee/ }).getByText('not polled').waitFor()
    expect(await page.getByRole('row', { name: /busy-bee/ }).getByText('not polled').count()).toBe(0)
    await close(opened)
  })

  test('the log of a worker is read, narrowed and followed, with its starts', async () => {
    await server.call('POST', '/work_pools/', { name: 'logged', type: 'process' })
    const worker_id = await server.call<string>('POST', '/work_pools/logged/workers/heartbeat', { name: 'w1', metadata: { host: 'desk-9' }, return_id: true })
    const log = (message: string, minutes: number, level = 20, name = 'prefect.workers.process.w1') => server.call('POST', '/logs/', [{ name, level, message, timestamp: new Date(Date.now() - minutes * 60_000).toISOString(), worker_id }])
    await log('it was long ago', 60 * 24 * 9)
    await log("Worker 'w1' started!", 50, 20, 'prefect.worker')
    await log('the API cannot be reached', 40, 30)
    await log("Worker 'w1' started!", 30, 20, 'prefect.worker')
    const opened = await open(server, '/work-pools/work-pool/logged?tab=workers')
    const { page } = opened
    await page.getByRole('link', { name: 'w1', exact: true }).click()
    await page.getByRole('heading', { name: 'w1' }).waitFor()
    await page.getByText('desk-9').waitFor()
    const lines = page.getByRole('log')
    await lines.getByText('the API cannot be reached').waitFor()
    expect(await lines.getByText("Worker 'w1' started!").count()).toBe(2)
    expect(await lines.getByText('Started again').count()).toBe(1)
    await page.getByText('3 lines').waitFor()
    await log('it goes on', 0)
    await lines.getByText('it goes on').waitFor()
    await page.getByRole('combobox', { name: 'Time' }).selectOption('All')
    await lines.getByText('it was long ago').waitFor()
    await page.getByRole('combobox', { name: 'Level' }).selectOption('Warnings and above')
    await page.getByText('1 line', { exact: true }).waitFor()
    await page.getByRole('combobox', { name: 'Level' }).selectOption('All levels')
    await page.getByRole('textbox', { name: 'Search the log' }).fill('reached')
    await page.keyboard.press('Enter')
    await page.getByText('1 of 1').waitFor()
    await close(opened)
  })

  test('a limit says who holds its slots and who waits, and is changed', async () => {
    await server.call('POST', '/v2/concurrency_limits/', { name: 'held-one', limit: 1 })
    const holder = { type: 'flow_run', id: await server.findRun('broken-heron') }
    const take = (wait?: string) =>
      fetch(`${server.url}/api/v2/concurrency_limits/increment-with-lease`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(wait ? { prefer: `wait=${wait}` } : {}) },
        body: JSON.stringify({ slots: 1, names: ['held-one'], lease_duration: 300, holder }),
      })
    await take()
    const opened = await open(server, '/concurrency-limits')
    const { page } = opened
    await page.getByRole('link', { name: 'held-one' }).click()
    await page.getByRole('link', { name: /^flow run / }).waitFor()
    const waiter = take('20')
    await page.getByText('1 waiting').waitFor({ timeout: 20_000 })
    await page.getByRole('button', { name: 'Edit' }).click()
    await page.getByRole('spinbutton', { name: 'Slots', exact: true }).fill('-1')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('The slots must be a whole number.').waitFor()
    await page.getByRole('spinbutton', { name: 'Slots', exact: true }).fill('2')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    expect((await waiter).status).toBe(200)
    await page.getByText('2 of 2 slots taken').waitFor({ timeout: 20_000 })
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.waitForURL(/\/concurrency-limits$/)
    await close(opened)
  })
})
