import { afterAll, beforeAll, expect, test } from 'vitest'
import { close, inBrowser, open, useBrowser } from './browser'
import { freePort, TestServer } from './servers'

inBrowser('the overview', () => {
  useBrowser()
  let server: TestServer
  beforeAll(async () => {
    server = new TestServer(await freePort(), { PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED: 'false' })
    await server.start()
  })
  afterAll(() => server.remove())

  test('begins with what needs attention, each with its reason', async () => {
    const past = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
    const flow = (await server.call<{ id: string }>('POST', '/flows/', { name: 'etl' })).id
    await server.call('POST', '/work_pools/', { name: 'local', type: 'process' })
    const deployment = (await server.call<{ id: string }>('POST', '/deployments/', { name: 'prod', flow_id: flow, work_pool_name: 'local' })).id
    const opened = await open(server, '/')
    await opened.page.getByText('Nothing needs attention').waitFor()

    const state = (type: string, name: string, minutes: number, message?: string) => ({ id: crypto.randomUUID(), type, name, timestamp: past(minutes), ...(message ? { message } : {}) })
    const run = (name: string, states: object[], more: object = {}) => ({ kind: 'flow_run', id: crypto.randomUUID(), flow_id: flow, name, parameters: {}, tags: [], created: past(30), states, ...more })
    await server.record(
      run('failed-one', [state('PENDING', 'Pending', 20), state('RUNNING', 'Running', 20), state('FAILED', 'Failed', 19, 'ValueError: no rows')], { deployment_id: deployment }),
      run('stuck-one', [state('PENDING', 'Pending', 25)]),
    )
    const late = await server.call<{ id: string }>('POST', `/deployments/${deployment}/create_flow_run`, { name: 'late-one', state: { type: 'SCHEDULED', state_details: { scheduled_time: past(9) } } })
    await server.call('POST', `/flow_runs/${late.id}/set_state`, { state: { type: 'SCHEDULED', name: 'Late', state_details: { scheduled_time: past(9) } }, force: true })
    const attention = opened.page.getByRole('region', { name: 'Needs attention' })
    await attention.locator('tr', { hasText: 'failed-one' }).getByText('ValueError: no rows').waitFor()
    await attention.locator('tr', { hasText: 'stuck-one' }).getByText(/is pending since .*: whoever runs it has not begun/).waitFor()
    await attention.locator('tr', { hasText: 'late-one' }).getByText(/Flow run 'late-one' .*(worker|pool)/).waitFor()
    await attention.getByRole('heading', { name: 'Deployments whose last run failed' }).waitFor()
    await attention.getByRole('link', { name: 'etl / prod' }).waitFor()
    await attention.getByRole('button', { name: 'Mark failures as seen' }).click()
    await attention.locator('tr', { hasText: 'failed-one' }).waitFor({ state: 'detached' })
    expect(await attention.locator('tr', { hasText: 'stuck-one' }).count()).toBe(1)
    await close(opened)
  })

  test('has automations whose actions failed, and the runs of a state by their flow', async () => {
    const trigger = { type: 'event', posture: 'Reactive', expect: ['x'], threshold: 1, within: 0 }
    const { id } = await server.call<{ id: string }>('POST', '/automations/', { name: 'tell-the-team', trigger, actions: [{ type: 'do-nothing' }] })
    const flow = (await server.call<{ id: string }>('POST', '/flows/', { name: 'report' })).id
    for (const name of ['broken-1', 'broken-2']) await server.call('POST', '/flow_runs/', { flow_id: flow, name, state: { type: 'CRASHED' } })
    const opened = await open(server, '/')
    const { page } = opened
    const payload = { action_index: 0, action_type: 'call-webhook', reason: 'The webhook answered 503.' }
    await server.call('POST', '/events', [{ id: crypto.randomUUID(), event: 'prefect.automation.action.failed', occurred: new Date().toISOString(), resource: { 'prefect.resource.id': `prefect.automation.${id}` }, payload }])
    const attention = page.getByRole('region', { name: 'Needs attention' })
    const action = attention.locator('li', { hasText: 'tell-the-team' })
    await action.getByText('call-webhook: The webhook answered 503.').waitFor()
    await page.getByRole('button', { name: /failed or crashed$/ }).click()
    const groups = page.getByRole('region', { name: 'Runs failed or crashed, by flow' })
    await groups.getByRole('heading', { name: /report/ }).getByText('2', { exact: true }).waitFor()
    await groups.getByRole('button', { name: /report/ }).click()
    await groups.getByRole('link', { name: 'broken-2' }).waitFor()
    expect(await groups.locator('tbody tr').count()).toBe(2)
    await page.getByRole('button', { name: 'Mark failures as seen' }).click()
    await action.waitFor({ state: 'detached' })
    await close(opened)
  })

  test('has the workers that went silent', async () => {
    await server.call('POST', '/work_pools/', { name: 'remote', type: 'process' })
    await server.call('POST', '/work_pools/remote/workers/heartbeat', { name: 'worker-7', heartbeat_interval_seconds: 1 })
    // It is offline after some of its intervals without a heartbeat.
    const until = Date.now() + 60_000
    const offline = async () => (await server.call<{ offline: { name: string }[] }>('GET', '/ui/pages/overview')).offline.map((worker) => worker.name)
    while (!(await offline()).includes('worker-7')) {
      if (Date.now() > until) throw new Error('the worker was never offline')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    const opened = await open(server, '/')
    const attention = opened.page.getByRole('region', { name: 'Needs attention' })
    await attention.getByRole('heading', { name: 'Workers without heartbeats' }).waitFor()
    await attention.locator('li', { hasText: 'worker-7' }).getByText(/sent its last heartbeat .* ago/).waitFor()
    await attention.getByRole('link', { name: 'remote' }).waitFor()
    await close(opened)
  })
})
