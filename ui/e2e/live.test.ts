import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { close, inBrowser, open, useBrowser } from './browser'
import { Proxy, type Pushing } from './proxy'
import { freePort, TestServer } from './servers'

/** Pretend that the tab of a page is hidden, or seen again. */
const show = (page: Page, state: 'hidden' | 'visible') =>
  page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, state)

inBrowser('an open page', () => {
  useBrowser()
  // Without schedules, so that nothing happens by itself.
  let server: TestServer
  let flow: string
  const add = (name: string, type: string, more: object = {}) =>
    server.call<{ id: string }>('POST', '/flow_runs/', { flow_id: flow, name, state: { type }, ...more })
  beforeAll(async () => {
    server = new TestServer(await freePort())
    await server.start()
    flow = (await server.call<{ id: string }>('POST', '/flows/', { name: 'etl' })).id
  })
  afterAll(() => server.remove())

  test('is told of a change, and then asks once', async () => {
    const opened = await open(server, '/runs')
    await opened.page.getByText('No runs yet').waitFor()
    const [following] = await Promise.all([opened.page.waitForRequest(/ui\/live/), opened.page.reload()])
    await opened.page.getByText('No runs yet').waitFor()
    await following.response()
    const before = opened.calls.length
    const began = Date.now()
    await add('pushed-one', 'COMPLETED')
    await opened.page.getByText('pushed-one').waitFor({ timeout: 4500 })
    console.log(`a change was seen after ${Date.now() - began} ms`)
    // Polling would have asked after five seconds.
    expect(opened.calls.length - before).toBeLessThanOrEqual(2)
    await close(opened)
  })

  test('shows what changed of many runs within a second, without asking for it', async () => {
    const rows = await Promise.all([...'abcdef'].map((letter) => add(`quick-${letter}`, 'RUNNING', { tags: ['quick'] })))
    const list = await open(server, '/runs?q=tag:quick')
    const running = await open(server, '/runs?q=tag:quick+state:running')
    const flows = await open(server, '/flows')
    for (const each of [list, running]) await each.page.locator('tbody tr').nth(5).waitFor()
    await flows.page.locator('tbody tr').first().waitFor()
    // Streams are open before anything changes.
    const following = [list, running, flows].map((each) => each.page.waitForResponse(/ui\/live/))
    await Promise.all([list, running, flows].map((each) => each.page.reload()))
    await Promise.all(following)
    for (const each of [list, running]) await each.page.locator('tbody tr').nth(5).waitFor()
    await flows.page.locator('tbody tr').first().waitFor()
    // What is asked for is held back, so that only what is pushed can be seen.
    for (const each of [list, running, flows]) await each.page.route(/ui\/pages/, () => {})
    const took: number[] = []
    for (const [number, run] of rows.slice(0, 3).entries()) {
      const began = Date.now()
      await server.call('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'RUNNING', name: `Step-${number}` }, force: true })
      await list.page.locator('tbody').getByText(`Step-${number}`).waitFor({ timeout: 5000 })
      took.push(Date.now() - began)
    }
    console.log(`changed rows were seen after ${took.join(', ')} ms`)
    await server.call('POST', `/flow_runs/${rows[0]!.id}/set_state`, { state: { type: 'FAILED' }, force: true })
    await list.page.locator('tbody tr', { hasText: 'quick-a' }).getByText('Failed').waitFor()
    await running.page.locator('tbody').getByText('quick-a').waitFor({ state: 'detached' })
    await flows.page.getByLabel('quick-a, Failed').waitFor()
    await add('quick-new', 'RUNNING', { tags: ['quick'] })
    await Promise.all([list, running].map((each) => each.page.locator('tbody').getByText('quick-new').waitFor()))
    for (const each of [list, running, flows]) await close(each)
    await server.call('POST', '/flow_runs/bulk_delete', { flow_runs: { tags: { all_: ['quick'] } } })
  })

  test('counts what changed, in lists and diagrams, without asking for it', async () => {
    const id = () => crypto.randomUUID()
    const state = (type: string, name: string) => ({ id: id(), type, name, timestamp: new Date().toISOString() })
    const run = (await add('counted', 'RUNNING', { tags: ['counted'] })).id
    const task = { kind: 'task_run', id: id(), flow_run_id: run, name: 'load-0', task_key: 'load', dynamic_key: '0', tags: [], created: new Date().toISOString(), states: [state('RUNNING', 'Running')] }
    await server.record(task)
    const list = await open(server, '/runs?q=tag:counted')
    const tasks = await open(server, `/runs?kind=task_run&q=run:${run}`)
    const overview = await open(server, '/')
    const pages = [list, tasks, overview]
    const following = pages.map((each) => each.page.waitForResponse(/ui\/live/))
    await Promise.all(pages.map((each) => each.page.reload()))
    await Promise.all(following)
    await overview.page.getByRole('region', { name: 'Task runs over time' }).getByText('1 running').waitFor()
    for (const each of [list, tasks]) await each.page.getByRole('button', { name: 'Running 1' }).waitFor()
    for (const each of pages) await each.page.route(/ui\/pages/, () => {})
    await server.call('POST', `/flow_runs/${run}/set_state`, { state: { type: 'COMPLETED' }, force: true })
    await server.record({ kind: 'state', of: 'task_run', run_id: task.id, ...state('COMPLETED', 'Completed') })
    for (const each of [list, tasks]) await each.page.getByRole('button', { name: 'Completed 1' }).waitFor({ timeout: 4000 })
    await tasks.page.locator('tbody').getByText('Completed').waitFor()
    await overview.page.getByRole('region', { name: 'Task runs over time' }).getByText('1 completed').waitFor({ timeout: 4000 })
    await add('counted-too', 'COMPLETED', { tags: ['counted'] })
    await list.page.getByText('of 2', { exact: false }).waitFor({ timeout: 4000 })
    for (const each of pages) await close(each)
  })

  test('of the overview does not ask for the task runs again when a flow run changes', async () => {
    const run = await add('begins', 'SCHEDULED')
    const overview = await open(server, '/')
    const following = overview.page.waitForResponse((response) => /ui\/live/.test(response.url()) && !response.url().includes('kind=task_run'))
    await overview.page.reload()
    await following
    await overview.page.getByRole('region', { name: 'Task runs over time' }).waitFor()
    const before = overview.calls.length
    await server.call('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'RUNNING' }, force: true })
    await overview.page.getByRole('link', { name: 'begins' }).first().waitFor()
    await overview.page.waitForTimeout(1500)
    expect(overview.calls.slice(before).filter((call) => call.includes('task-runs'))).toEqual([])
    await close(overview)
  })

  test('in a hidden tab asks for nothing, and catches up when it is seen', async () => {
    const hidden = await open(server, '/runs')
    const seen = await open(server, '/runs')
    await hidden.page.locator('tbody tr').first().waitFor()
    await show(hidden.page, 'hidden')
    const before = hidden.calls.length
    await add('while-hidden', 'COMPLETED')
    await seen.page.getByText('while-hidden').waitFor()
    expect(hidden.calls.slice(before)).toEqual([])
    expect(await hidden.page.getByText('while-hidden').count()).toBe(0)
    await show(hidden.page, 'visible')
    await hidden.page.getByText('while-hidden').waitFor()
    await close(seen)
    await close(hidden)
  })

  test('of a list where nothing happens asks for nothing', async () => {
    const opened = await open(server, '/runs?q=name:nobody')
    const following = opened.page.waitForResponse(/ui\/live/)
    await opened.page.reload()
    await following
    await opened.page.getByText('No run matches').waitFor()
    const before = opened.calls.length
    await opened.page.waitForTimeout(2000)
    expect(opened.calls.slice(before)).toEqual([])
    // It would have: a change is asked for.
    const asked = opened.page.waitForRequest(/ui\/pages\/runs/)
    await add('somebody', 'COMPLETED')
    await asked
    await close(opened)
  })

  test('of a finished run asks for nothing, whatever happens to others', async () => {
    const run = await add('finished-one', 'COMPLETED')
    const finished = await open(server, `/runs/flow-run/${run.id}?tab=details`)
    const list = await open(server, '/runs')
    await finished.page.getByRole('tab', { name: 'Details' }).or(finished.page.getByText('Details')).first().waitFor()
    const before = finished.calls.length
    await add('another-one', 'COMPLETED')
    await list.page.getByText('another-one').waitFor()
    await finished.page.waitForTimeout(1000)
    expect(finished.calls.slice(before)).toEqual([])
    await close(list)
    await close(finished)
  })

  test.each<Pushing>(['drop', 'buffer'])('behind a proxy that lets nothing be pushed (%s) asks again, and is sent only what is new', async (pushing) => {
    const proxy = new Proxy(server, pushing)
    await proxy.start()
    try {
      const opened = await open({ url: proxy.url }, '/runs?q=tag:proxied', {}, '', async (page) => void (await page.clock.install()))
      const { page } = opened
      await page.getByText('No run matches').waitFor()
      const asked = () => proxy.passed.filter((each) => each.path.includes('/runs'))
      const poll = async () => {
        const answered = page.waitForResponse(/ui\/pages\/runs/)
        // The first time also in vain for the stream.
        for (let second = 0; second < 10; second += 1) await page.clock.runFor(1000)
        await answered
      }
      await poll()
      expect(asked().at(-1)!.headers['if-none-match']).toBeTruthy()
      expect(asked().at(-1)!.status).toBe(304)
      await add(`through-${pushing}`, 'COMPLETED', { tags: ['proxied'] })
      await poll()
      await page.getByText(`through-${pushing}`).waitFor()
      await opened.close()
      await server.call('POST', '/flow_runs/bulk_delete', { flow_runs: { tags: { all_: ['proxied'] } } })
    } finally {
      await proxy.stop()
    }
  })

  test('of a run that is deleted says so', async () => {
    const run = await add('short-lived', 'RUNNING')
    const opened = await open(server, `/runs/flow-run/${run.id}`)
    const following = opened.page.waitForRequest(/ui\/live/)
    await opened.page.reload()
    await (await following).response()
    await opened.page.locator('h1', { hasText: 'short-lived' }).waitFor()
    await server.call('DELETE', `/flow_runs/${run.id}`)
    await opened.page.getByRole('alert').filter({ hasText: 'was not found' }).waitFor()
    await opened.close()
  })

  test('shows times in the zone of the browser or in UTC, as one chooses', async () => {
    const at = '2026-03-01T20:30:00Z'
    const run = { id: crypto.randomUUID() }
    const states = ['RUNNING', 'COMPLETED'].map((type) => ({ id: crypto.randomUUID(), type, timestamp: at }))
    await server.record({ kind: 'flow_run', id: run.id, flow_id: flow, name: 'zoned-one', parameters: {}, tags: [], created: at, states })
    const opened = await open(server, `/runs/flow-run/${run.id}`, { timezoneId: 'Asia/Tokyo' })
    const { page } = opened
    await page.locator('.heading').getByText('2 Mar, 05:30:00').waitFor()
    await page.getByRole('button', { name: 'Times in Asia/Tokyo' }).click()
    await page.locator('.heading').getByText('1 Mar, 20:30:00').waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Times in UTC' }).waitFor()
    await page.locator('.heading').getByText('1 Mar, 20:30:00').waitFor()
    await server.call('DELETE', `/flow_runs/${run.id}`)
    await close(opened)
  })

  test.each([-5, 3])('with a clock that is %i hours off shows right ages and durations', async (hours) => {
    const at = new Date(Date.now() - 130_000).toISOString()
    const run = { id: crypto.randomUUID() }
    const states = ['PENDING', 'RUNNING'].map((type) => ({ id: crypto.randomUUID(), type, timestamp: at }))
    await server.record({ kind: 'flow_run', id: run.id, flow_id: flow, name: 'timed-one', parameters: {}, tags: [], created: at, states })
    const opened = await open(server, `/runs/flow-run/${run.id}?tab=details`, {}, '', (page) => page.clock.install({ time: Date.now() + hours * 3600_000 }))
    await opened.page.getByText('(2m ago)').waitFor()
    await opened.page.locator('.heading b').getByText(/^2m /).waitFor()
    await server.call('DELETE', `/flow_runs/${run.id}`)
    await opened.close()
  })
})
