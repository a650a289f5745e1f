import { afterAll, beforeAll, expect, test } from 'vitest'
import { close, inBrowser, open, useBrowser } from './browser'
import { freePort, TestServer } from './servers'

inBrowser('the actions of a run', () => {
  useBrowser()
  let server: TestServer
  let flow: string
  let deployment: string
  beforeAll(async () => {
    server = new TestServer(await freePort())
    await server.start()
    flow = (await server.call<{ id: string }>('POST', '/flows/', { name: 'etl' })).id
    deployment = (await server.call<{ id: string }>('POST', '/deployments/', { name: 'prod', flow_id: flow })).id
  })
  afterAll(() => server.remove())
  const addRun = async (more: object = {}) => (await server.call<{ id: string }>('POST', '/flow_runs/', { flow_id: flow, state: { type: 'RUNNING' }, ...more })).id
  const readState = async (id: string) => (await server.call<{ state: { name: string; state_details: { pause_reschedule: boolean } } }>('GET', `/flow_runs/${id}`)).state

  test('pause one of a deployment by a key, and resume it', async () => {
    const id = await addRun({ deployment_id: deployment })
    const opened = await open(server, `/runs/flow-run/${id}`)
    const { page } = opened
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.keyboard.press('p')
    await page.getByRole('button', { name: 'Pause the run' }).click()
    await page.getByRole('heading', { name: 'Waiting for input' }).waitFor()
    const state = await readState(id)
    expect([state.name, state.state_details.pause_reschedule]).toEqual(['Suspended', true])
    await page.keyboard.press('r')
    await page.getByText('The run is resumed.').waitFor()
    expect((await readState(id)).name).toBe('Resuming')
    await close(opened)
  })

  test('say why one without a deployment cannot be paused', async () => {
    const opened = await open(server, `/runs/flow-run/${await addRun()}`)
    const button = opened.page.getByRole('button', { name: 'Pause' })
    await button.waitFor()
    expect(await button.isDisabled()).toBe(true)
    expect(await button.getAttribute('title')).toContain('It has no deployment')
    await close(opened)
  })

  test('change its state and delete it by keys', async () => {
    const id = await addRun()
    const opened = await open(server, `/runs/flow-run/${id}`)
    const { page } = opened
    await page.getByRole('button', { name: 'Cancel' }).waitFor()
    await page.keyboard.press('s')
    await page.getByRole('combobox', { name: 'State' }).selectOption('FAILED')
    await page.getByRole('button', { name: 'Change', exact: true }).click()
    await page.getByText('The state was changed.').waitFor()
    expect((await readState(id)).name).toBe('Failed')
    await page.keyboard.press('d')
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('heading', { level: 1, name: 'Runs' }).waitFor()
    await close(opened)
  })

  test('show its events', async () => {
    const id = await addRun({ name: 'with-events' })
    const opened = await open(server, `/runs/flow-run/${id}`)
    const { page } = opened
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('link', { name: 'Its events' }).click()
    await page.getByRole('link', { name: 'flow-run with-events' }).first().waitFor()
    await close(opened)
  })

  test('show the parameters of a run in a list', async () => {
    await addRun({ name: 'with-values', parameters: { source: 's3://orders', batch: 8 } })
    const opened = await open(server, '/runs')
    const { page } = opened
    await page.getByRole('button', { name: '2 parameters of with-values' }).click()
    await page.getByRole('dialog', { name: 'Parameters' }).getByText('"s3://orders"').waitFor()
    await close(opened)
  })
})
