import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { close, inBrowser, open, useBrowser } from './browser'
import { freePort, TestServer } from './servers'

const BEGAN = Date.parse('2026-11-02T10:00:00Z')
const at = (second: number) => new Date(BEGAN + second * 1000).toISOString()
const state = (type: string, second: number) => ({ id: crypto.randomUUID(), type, timestamp: at(second) })

inBrowser('the timeline of a run', () => {
  useBrowser()
  let server: TestServer
  let flow: string
  const parent = crypto.randomUUID()
  const child = crypto.randomUUID()
  const load = crypto.randomUUID()
  const call = crypto.randomUUID()
  const task = (id: string, flow_run_id: string, name: string, second: number, more: object = {}) => ({ kind: 'task_run', id, flow_run_id, name, task_key: name.split('-')[0], dynamic_key: name, tags: [], task_inputs: {}, created: at(second), states: [state('PENDING', second), state('RUNNING', second), state('COMPLETED', second + 4)], ...more })
  const flowRun = (id: string, name: string, more: object = {}) => ({ kind: 'flow_run', id, flow_id: flow, name, parameters: {}, tags: [], created: at(0), states: [state('PENDING', 0), state('RUNNING', 1), state('COMPLETED', 30)], ...more })
  beforeAll(async () => {
    server = new TestServer(await freePort())
    await server.start()
    flow = (await server.call<{ id: string }>('POST', '/flows/', { name: 'etl' })).id
    await server.record(
      flowRun(parent, 'outer'),
      task(load, parent, 'load-0', 2),
      task(call, parent, 'inner-0', 8, { task_inputs: { rows: [{ input_type: 'task_run', id: load }] } }),
      flowRun(child, 'inner', { parent_task_run_id: call }),
      ...Array.from({ length: 3 }, (_, n) => task(crypto.randomUUID(), child, `step-${n}`, 10 + n * 4)),
      { kind: 'log', id: crypto.randomUUID(), name: 'prefect.task_runs', level: 20, message: 'read the rows', timestamp: at(3), flow_run_id: parent, task_run_id: load },
    )
  })
  afterAll(() => server.remove())
  const ROW = 24
  /** Above the rows: the axis, the states of the run, and a lane of marks where there are some. */
  const HEAD = 24 + 8

  test('shows a task beside it when it is clicked, and opens a subflow in place', async () => {
    const opened = await open(server, `/runs/flow-run/${parent}`)
    const { page } = opened
    await page.waitForSelector('.frame canvas')
    const box = (await page.locator('.frame canvas').boundingBox())!
    const height = () => page.evaluate(() => document.querySelector('.space')!.clientHeight)
    const closed = await height()
    await page.mouse.click(box.x + 100, box.y + HEAD + 14)
    const panel = page.getByRole('complementary', { name: 'The chosen run' })
    await panel.getByRole('heading', { name: 'load-0' }).waitFor()
    await panel.getByText('read the rows').waitFor()
    await panel.getByText('Completed').first().waitFor()
    expect(page.url()).toContain(`node=${load}`)
    await page.mouse.dblclick(box.x + 100, box.y + HEAD + ROW + 14)
    await page.waitForFunction((closed) => document.querySelector('.space')!.clientHeight >= closed + 60, closed)
    await close(opened)
  })

  test('follows the run while it is under way', async () => {
    const run = crypto.randomUUID()
    const running = { states: [state('PENDING', 0), state('RUNNING', 1)] }
    await server.record(flowRun(run, 'going-on', running), task(crypto.randomUUID(), run, 'load-0', 2))
    const opened = await open(server, `/runs/flow-run/${run}`)
    const { page } = opened
    const [following] = await Promise.all([page.waitForRequest(/ui\/live/), page.reload()])
    await following.response()
    await page.getByText('1 runs').waitFor()
    await server.record(task(crypto.randomUUID(), run, 'clean-0', 6))
    await page.getByText('2 runs').waitFor()
    // What changes in a graph is pushed: the whole of it was loaded with the page, and once again when it was followed.
    expect(opened.calls.filter((call) => call.endsWith(`${run}/graph`)).length).toBeLessThanOrEqual(4)
    await server.record(...Array.from({ length: 8 }, (_, n) => task(crypto.randomUUID(), run, `clean-${n + 1}`, 7 + n)))
    const before = opened.calls.filter((call) => call.endsWith('/graph')).length
    await page.getByText('10 runs').waitFor()
    expect(opened.calls.filter((call) => call.endsWith('/graph')).length).toBe(before)
    await close(opened)
  })

  test('is drawn in several ways, and shows what one wants to see', async () => {
    const opened = await open(server, `/runs/flow-run/${parent}`)
    const { page } = opened
    await page.getByText('critical path: 2 of them').waitFor()
    for (const layout of ['Compact', 'Durations', 'Graph', 'Sequence', 'Timeline']) {
      await page.getByRole('button', { name: layout, exact: true }).click()
      await page.locator(`button[aria-pressed="true"]`, { hasText: layout }).waitFor()
    }
    await page.getByRole('button', { name: 'Show actions' }).click()
    await page.getByLabel('Critical path').uncheck()
    await page.getByText(/^2 runs (?!.*critical)/).waitFor()
    await page.reload()
    await page.getByText(/^2 runs (?!.*critical)/).waitFor()
    await close(opened)
  })

  test('marks artifacts and events, which open their pages', async () => {
    await server.call('POST', '/artifacts/', { key: 'rows-read', type: 'markdown', data: '# 12', flow_run_id: parent, task_run_id: load })
    const shop = { 'prefect.resource.id': 'shop.berlin' }
    const related = [{ 'prefect.resource.id': `prefect.flow-run.${parent}`, 'prefect.resource.role': 'flow-run' }]
    await server.call('POST', '/events', [{ id: crypto.randomUUID(), occurred: at(16), event: 'orders.imported', resource: shop, related, payload: {} }])
    const opened = await open(server, `/runs/flow-run/${parent}`)
    const { page } = opened
    await page.waitForSelector('.frame canvas')
    const box = (await page.getByRole('region', { name: 'Drawing' }).boundingBox())!
    // It happened in the middle of what is drawn, but for the margins.
    await page.mouse.click(box.x + 28 + (15 / 29) * (box.width - 40), box.y + HEAD + 9)
    await page.getByRole('link', { name: 'orders.imported' }).click()
    await page.getByRole('heading', { level: 1, name: 'orders.imported' }).waitFor()
    await close(opened)
  })

  test('shows the part of the time that is dragged over', async () => {
    const opened = await open(server, `/runs/flow-run/${parent}`)
    const { page } = opened
    await page.waitForSelector('.frame canvas')
    const width = () => page.evaluate(() => document.querySelector('.space')!.clientWidth)
    const whole = await width()
    const map = (await page.locator('.map').boundingBox())!
    await page.mouse.move(map.x + map.width * 0.25, map.y + 10)
    await page.mouse.down()
    await page.mouse.move(map.x + map.width * 0.75, map.y + 10)
    await page.mouse.up()
    await page.waitForFunction((whole) => document.querySelector('.space')!.clientWidth > whole * 1.8, whole)
    await page.getByRole('button', { name: 'Fit' }).click()
    await page.waitForFunction((whole) => document.querySelector('.space')!.clientWidth <= whole, whole)
    await close(opened)
  })

  test('shows the result of a task run when one asks for it', async () => {
    const metadata = { storage_key: join(server.home, 'storage', 'kept'), serializer: { type: 'json' }, storage_block_id: null }
    mkdirSync(join(server.home, 'storage'), { recursive: true })
    writeFileSync(metadata.storage_key, JSON.stringify({ metadata, result: '{"rows": 4711}' }))
    await server.call('POST', `/task_runs/${load}/set_state`, { state: { type: 'COMPLETED', data: metadata }, force: true })
    const opened = await open(server, `/runs/flow-run/${parent}?node=${load}`)
    const panel = opened.page.getByRole('complementary', { name: 'The chosen run' })
    await panel.getByRole('button', { name: 'Show the value' }).waitFor()
    expect(await panel.getByText('4711').count()).toBe(0)
    await panel.getByRole('button', { name: 'Show the value' }).click()
    await panel.getByText('4711').waitFor()
    await panel.getByText('dict, 14 B').waitFor()
    await close(opened)
  })
})
