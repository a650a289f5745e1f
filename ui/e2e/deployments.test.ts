import { beforeAll, expect, test } from 'vitest'
import { findIds, type Ids } from './addresses'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

interface Deployment {
  id: string
  name: string
  flow_id: string
  description: string
  tags: string[]
  parameters: Record<string, unknown>
  global_concurrency_limit: { limit: number } | null
  entrypoint: string
  schedules: { active: boolean; schedule: Record<string, unknown>; parameters: Record<string, unknown> }[]
}

inBrowser('deployments', () => {
  useBrowser()
  const server = sharedServer()
  let ids: Ids
  let own: string
  const read = (id: string) => server.call<Deployment>('GET', `/deployments/${id}`)

  beforeAll(async () => {
    ids = await findIds(server)
    const prod = await read(ids.deployment)
    const form = { type: 'object', required: ['source'], properties: { source: { type: 'string' }, batch: { type: 'integer', minimum: 1, default: 5 }, region: { type: 'string', default: 'eu' } } }
    const values = { name: 'editable', flow_id: prod.flow_id, entrypoint: 'flows/x.py:x', parameter_openapi_schema: form, enforce_parameter_schema: true, parameters: { batch: 3 }, tags: ['old'], work_pool_name: 'local' }
    own = (await server.call<{ id: string }>('POST', '/deployments/', values)).id
  })

  test('show their configuration, and the labels that people gave them', async () => {
    const { flow_id } = await read(ids.deployment)
    const { id } = await server.call<{ id: string }>('POST', '/deployments/', { name: 'labelled', flow_id, labels: { team: 'data' }, work_pool_name: 'local' })
    const opened = await open(server, `/deployments/deployment/${id}?tab=configuration`)
    await opened.page.getByText('"team"').waitFor()
    await opened.page.getByRole('definition').getByRole('link', { name: 'nightly-etl' }).waitFor()
    expect(await opened.page.getByText('prefect.flow.id').count()).toBe(0)
    await close(opened)
  })

  test('are edited, with what is wrong beside each field', async () => {
    const opened = await open(server, `/deployments/deployment/${own}`)
    const { page } = opened
    await page.getByRole('link', { name: 'Edit' }).click()
    await page.getByRole('textbox', { name: 'Description, as markdown' }).fill('Does **much**.')
    await page.getByRole('textbox', { name: 'Tags, separated by commas' }).fill('new, newer')
    await page.getByRole('spinbutton', { name: 'batch' }).fill('0')
    await page.getByRole('spinbutton', { name: 'Runs at the same time' }).fill('0')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('It must be 1 or more.').waitFor()
    await page.getByText('Enter a whole number of at least 1, or leave it empty.').waitFor()
    await page.getByRole('spinbutton', { name: 'batch' }).fill('8')
    await page.getByRole('spinbutton', { name: 'Runs at the same time' }).fill('4')
    const changes = page.getByRole('region', { name: 'What changes' })
    expect(await changes.locator('p').allTextContents()).toEqual(['Description: nothing → Does **much**.', 'Tags: old → new, newer', 'Runs at the same time: nothing → 4', 'Parameters: batch: 3 → 8'])
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.waitForURL(new RegExp(`${own}$`))
    expect(await read(own)).toMatchObject({ description: 'Does **much**.', tags: ['new', 'newer'], parameters: { batch: 8 }, global_concurrency_limit: { limit: 4 } })
    await page.getByRole('link', { name: 'Edit' }).click()
    expect(await page.getByRole('spinbutton', { name: 'Runs at the same time' }).inputValue()).toBe('4')
    await close(opened)
  })

  test('get schedules whose next times are shown, and which are changed and removed', async () => {
    const opened = await open(server, `/deployments/deployment/${own}`)
    const { page } = opened
    await page.getByRole('button', { name: 'Schedule', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Minute, hour, day of the month').fill('99 * * * *')
    await dialog.getByText('Not a schedule yet').waitFor()
    await dialog.getByLabel('Minute, hour, day of the month').fill('30 6 * * *')
    await dialog.getByRole('combobox', { name: 'Time zone' }).selectOption('Asia/Tokyo')
    await dialog.getByText('Every day at 06:30 (Asia/Tokyo)').waitFor()
    await dialog.getByText(/06:30/).nth(3).waitFor()
    await dialog.getByRole('button', { name: 'Add' }).click()
    await page.getByRole('button', { name: 'Edit the schedule Every day at 06:30 (Asia/Tokyo)' }).click()
    await dialog.getByRole('combobox', { name: 'Kind' }).selectOption('interval')
    await dialog.getByLabel('How many').fill('2')
    await dialog.getByText(/^Every 2 hours/).waitFor()
    await dialog.getByText('More', { exact: true }).click()
    await dialog.getByRole('textbox', { name: 'Parameters of its runs, as JSON' }).fill('{"batch": 9}')
    await dialog.getByRole('button', { name: 'Save' }).click()
    const line = page.getByRole('button', { name: 'Edit the schedule Every 2 hours (Asia/Tokyo)' })
    await line.waitFor()
    expect((await read(own)).schedules).toMatchObject([{ schedule: { interval: 7200, timezone: 'Asia/Tokyo' }, parameters: { batch: 9 } }])
    await page.getByRole('switch', { name: 'Every 2 hours (Asia/Tokyo) is on' }).click()
    await page.getByText('The schedule is off.').waitFor()
    expect((await read(own)).schedules[0]!.active).toBe(false)
    await page.getByRole('button', { name: /^Remove the schedule/ }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await line.waitFor({ state: 'detached' })
    expect((await read(own)).schedules).toEqual([])
    // The browser reports the answer that a line is no schedule.
    await opened.close()
  })

  test('are grouped as one likes, and show how long their runs took', async () => {
    const opened = await open(server, '/deployments')
    const { page } = opened
    await page.getByRole('combobox', { name: 'Groups' }).selectOption({ label: 'By work pool' })
    await page.getByRole('heading', { name: /^k8s-prod/ }).waitFor()
    await page.getByRole('heading', { name: /^local/ }).waitFor()
    await page.goto(`${server.url}/deployments/deployment/${ids.deployment}`)
    await page.getByRole('img', { name: /^Durations of the last \d+ runs/ }).locator('canvas').waitFor()
    await close(opened)
  })

  test('are duplicated under another name', async () => {
    const opened = await open(server, `/deployments/deployment/${ids.deployment}/duplicate`)
    const { page } = opened
    const name = page.getByRole('textbox', { name: 'Name', exact: true })
    await name.fill('editable')
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByText('The flow has a deployment named editable already').waitFor()
    await name.fill('twin')
    await page.getByRole('checkbox', { name: 'With its schedule' }).check()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('heading', { name: 'twin' }).waitFor()
    const [twin, prod] = [await read(page.url().split('/').pop() as string), await read(ids.deployment)]
    expect({ ...twin, id: 0, name: 0 }).toMatchObject({ entrypoint: prod.entrypoint, parameters: prod.parameters, description: prod.description, global_concurrency_limit: { limit: prod.global_concurrency_limit!.limit } })
    expect(twin.schedules).toHaveLength(prod.schedules.length)
    await server.call('DELETE', `/deployments/${twin.id}`)
    await close(opened)
  })

  test('run with the parameters of a former run, and with a variable', async () => {
    const former = await server.call<{ id: string; name: string }>('POST', `/deployments/${own}/create_flow_run`, { parameters: { source: 'before', batch: 11 }, state: { type: 'COMPLETED' } })
    await server.call('POST', '/variables/', { name: 'own_region', value: 'us' })
    const opened = await open(server, `/deployments/deployment/${own}/run`)
    const { page } = opened
    const name = page.getByRole('textbox', { name: 'Name', exact: true })
    await expect.poll(() => name.getAttribute('placeholder')).toMatch(/^[a-z]+-[a-z]+$/)
    const first = await name.getAttribute('placeholder')
    await page.getByRole('button', { name: 'Propose another name' }).click()
    const proposed = await name.getAttribute('placeholder')
    expect(proposed).not.toBe(first)
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await page.getByText('It is required.').waitFor()
    await page.getByRole('combobox', { name: 'Begin with' }).selectOption(former.id)
    await page.waitForURL(/from=/)
    await page.locator('pre', { hasText: '"source":"before"' }).waitFor()
    await page.getByRole('checkbox', { name: 'Set region' }).check()
    await page.getByRole('combobox', { name: 'How region is entered' }).selectOption('workspace_variable')
    await page.getByRole('combobox', { name: 'Variable of region' }).selectOption('own_region')
    await page.getByRole('region', { name: 'What differs' }).getByText('region').waitFor()
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await page.waitForURL(/runs\/flow-run\//)
    const run = await server.call<{ name: string; parameters: Record<string, unknown> }>('GET', `/flow_runs/${page.url().split('/').pop()}`)
    expect(run).toMatchObject({ name: proposed, parameters: { source: 'before', batch: 11, region: 'us' } })
    await close(opened)
  })
})
