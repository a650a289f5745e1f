import { expect, test } from 'vitest'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

interface Named {
  id: string
  name: string
}

inBrowser('undoing', () => {
  useBrowser()
  const server = sharedServer()

  const undo = async (page: Awaited<ReturnType<typeof open>>['page'], said: string) => {
    await page.locator('.toast', { hasText: said }).getByRole('button', { name: 'Undo', exact: true }).click()
    await page.getByRole('button', { name: 'The change was undone.' }).click() // it is said no longer, for the next one
  }

  test('gives a variable its former value, and makes a removed one again', async () => {
    await server.call('POST', '/variables/', { name: 'undone', value: { rows: 5 }, tags: ['a'] })
    const opened = await open(server, '/variables?q=undone')
    const { page } = opened
    const read = () => server.call('GET', '/variables/name/undone')
    await page.getByRole('button', { name: 'Edit' }).click()
    await page.getByRole('textbox', { name: /^Value/ }).fill('7')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.locator('.toast', { hasText: 'The variable is saved.' }).waitFor()
    expect(await read()).toMatchObject({ value: 7 })
    await undo(page, 'The variable is saved.')
    expect(await read()).toMatchObject({ value: { rows: 5 }, tags: ['a'] })
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByText('For some seconds it can be undone.').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await undo(page, 'The variable was deleted.')
    expect(await read()).toMatchObject({ value: { rows: 5 }, tags: ['a'] })
    await page.getByRole('row', { name: /undone/ }).waitFor()
    await close(opened)
  })

  test('gives a deployment what it had, and makes a removed schedule again', async () => {
    const { id: flow_id } = await server.call<Named>('POST', '/flows/', { name: 'undone-flow' })
    const { id } = await server.call<Named>('POST', '/deployments/', { flow_id, name: 'undone', tags: ['a'], schedules: [{ schedule: { cron: '0 4 * * *' }, active: false }] })
    const opened = await open(server, `/deployments/deployment/${id}/edit`)
    const { page } = opened
    await page.getByRole('textbox', { name: /^Tags/ }).fill('b, c')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.waitForURL(/deployment\/[^/]+$/)
    expect(await server.call('GET', `/deployments/${id}`)).toMatchObject({ tags: ['b', 'c'] })
    await undo(page, 'The deployment is saved.')
    expect(await server.call('GET', `/deployments/${id}`)).toMatchObject({ tags: ['a'] })
    await page.getByRole('button', { name: /^Remove the schedule/ }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
    await undo(page, 'The schedule was removed.')
    expect(await server.call('GET', `/deployments/${id}/schedules`)).toMatchObject([{ schedule: { cron: '0 4 * * *' }, active: false }])
    await close(opened)
  })

  test('makes an automation again and opens it; what cannot be undone says so', async () => {
    const trigger = { type: 'event', posture: 'Reactive', expect: ['never'], threshold: 1, within: 0 }
    const { id } = await server.call<Named>('POST', '/automations/', { name: 'undone', trigger, actions: [{ type: 'do-nothing' }] })
    const opened = await open(server, `/automations/automation/${id}`)
    const { page } = opened
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await page.waitForURL(/automations$/)
    await undo(page, 'The automation was deleted.')
    await page.waitForURL(/automations\/automation\//)
    await page.getByRole('heading', { name: 'undone', exact: true }).waitFor()
    const { id: flow } = await server.call<Named>('POST', '/flows/', { name: 'gone-flow' })
    await page.goto(`${server.url}/flows/flow/${flow}`)
    await page.getByRole('button', { name: 'Delete…' }).click()
    await page.getByRole('dialog').getByText('This cannot be undone.').waitFor()
    await close(opened)
  })

  test('gives runs back the tags that they had', async () => {
    const { id: flow_id } = await server.call<Named>('POST', '/flows/', { name: 'tagged-flow' })
    const runs: string[] = []
    for (const tags of [['a'], ['b']]) runs.push((await server.call<Named>('POST', '/flow_runs/', { flow_id, tags })).id)
    const opened = await open(server, '/runs?q=flow:tagged-flow')
    const { page } = opened
    await page.getByRole('checkbox', { name: /chosen|Choose/ }).first().check()
    await page.getByRole('button', { name: 'Add tags…' }).click()
    await page.getByRole('textbox', { name: /^Tags/ }).fill('a, b')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('button', { name: 'Undo', exact: true }).click()
    await page.waitForURL(/runs\/jobs\/job\//)
    await page.getByText('2 done; finished.').waitFor()
    const read = async (id: string) => (await server.call<{ tags: string[] }>('GET', `/flow_runs/${id}`)).tags
    expect([await read(runs[0]!), await read(runs[1]!)]).toEqual([['a'], ['b']])
    await close(opened)
  })

  test('makes a removed view of runs again', async () => {
    const filters = [['query', 'tag:undone'], ['sort', '-start']].map(([property, value]) => ({ object: 'flow_run', property, type: 'string', operation: 'equals', value }))
    await server.call('PUT', '/saved_searches/', { name: 'Undone view', filters })
    const opened = await open(server, '/runs?q=tag:undone')
    const { page } = opened
    await page.getByRole('button', { name: 'Delete the view…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
    await undo(page, 'The view Undone view is deleted.')
    await page.getByRole('link', { name: 'Undone view' }).waitFor()
    await close(opened)
  })
})
