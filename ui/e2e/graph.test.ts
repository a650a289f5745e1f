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

  test('shows a task beside it when it is clicked, and opens a subflow in place', async () => {
    const opened = await open(server, `/runs/flow-run/${parent}`)
    const { page } = opened
    await page.waitForSelector('canvas')
    const box = (await page.locator('canvas').boundingBox())!
    const height = () => page.evaluate(() => document.querySelector('.space')!.clientHeight)
    const closed = await height()
    await page.mouse.click(box.x + 100, box.y + ROW + 14)
    const panel = page.getByRole('complementary', { name: 'The chosen run' })
    await panel.getByRole('link', { name: 'load-0' }).waitFor()
    await panel.getByText('read the rows').waitFor()
    await panel.getByText('Completed').first().waitFor()
    expect(page.url()).toContain(`node=${load}`)
    await page.mouse.dblclick(box.x + 100, box.y + 2 * ROW + 14)
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
    await close(opened)
  })
})
