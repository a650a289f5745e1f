import { beforeAll, expect, test } from 'vitest'
import { findIds, type Ids } from './addresses'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

inBrowser('assets and comparisons', () => {
  useBrowser()
  const server = sharedServer()
  let ids: Ids
  beforeAll(async () => {
    ids = await findIds(server)
    const made = (key: string, sources: string[], minute: number, labels: Record<string, string> = {}) => ({
      id: crypto.randomUUID(),
      event: 'prefect.asset.materialization.succeeded',
      occurred: new Date(Date.now() - 3_600_000 + minute * 60_000).toISOString(),
      resource: { 'prefect.resource.id': key, ...labels },
      related: sources.map((source) => ({ 'prefect.resource.id': source, 'prefect.resource.role': 'asset' })),
      payload: { rows: 12 },
    })
    await server.call('POST', '/events', [made('s3://shop/orders.parquet', ['postgres://shop/orders'], 1), made('s3://shop/revenue.json', ['s3://shop/orders.parquet'], 2), { ...made('postgres://shop/orders', [], 0), event: 'prefect.asset.referenced' }])
  })

  test('assets are listed with their graph, and each shows what is around it', async () => {
    const opened = await open(server, '/assets')
    const { page } = opened
    const graph = page.getByRole('group', { name: 'Graph of assets' })
    await graph.getByRole('link', { name: /orders.parquet/ }).waitFor()
    expect(await graph.locator('path.edge').count()).toBe(2)
    await page.getByRole('searchbox', { name: 'Key or name' }).fill('revenue')
    await page.locator('tbody tr').nth(1).waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 's3://shop/revenue.json' }).click()
    await page.getByRole('heading', { name: 's3://shop/revenue.json' }).waitFor()
    await page.getByRole('group', { name: 'Graph of assets' }).getByRole('link', { name: /orders.parquet/ }).click()
    await page.getByRole('heading', { name: 's3://shop/orders.parquet' }).waitFor()
    await close(opened)
  })

  test('versions of an artifact are compared line by line', async () => {
    for (const data of ['# Stock\n\n- apples: 3\n- pears: 1', '# Stock\n\n- apples: 4\n- pears: 1']) await server.call('POST', '/artifacts/', { key: 'stock', type: 'markdown', data })
    const opened = await open(server, '/artifacts/key/stock')
    await opened.page.getByRole('button', { name: 'What has changed since the version before' }).click()
    const lines = opened.page.getByLabel('Differences to the version before')
    await lines.waitFor()
    expect((await lines.textContent())?.split('\n').filter((line) => /^[+−]/.test(line))).toEqual(['− - apples: 3', '+ - apples: 4'])
    await close(opened)
  })

  test('two chosen runs are compared', async () => {
    for (const batch of [1, 2]) await server.call('POST', '/flow_runs/', { flow_id: ids.flow, name: `pair-${batch}`, tags: ['pair'], parameters: { batch }, state: { type: 'COMPLETED' } })
    const opened = await open(server, '/runs?q=tag:pair')
    await opened.page.getByRole('checkbox', { name: 'Choose', exact: true }).check()
    await opened.page.getByRole('link', { name: 'Compare' }).click()
    await opened.page.getByRole('heading', { name: 'Compare two runs' }).waitFor()
    const lines = opened.page.getByLabel('Parameters of both')
    await lines.waitFor()
    expect((await lines.textContent())?.match(/"batch": \d/g)?.sort()).toEqual(['"batch": 1', '"batch": 2'])
    await close(opened)
  })
})
