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
    await opened.page.getByRole('button', { name: 'Changes since the previous version' }).click()
    const lines = opened.page.getByLabel('Differences from the previous version')
    await lines.waitFor()
    expect((await lines.textContent())?.split('\n').filter((line) => /^[+−]/.test(line))).toEqual(['− - apples: 3', '+ - apples: 4'])
    await close(opened)
  })

  test('numbers of an artifact are charted over its versions', async () => {
    for (const auc of [0.8, 0.85, 0.91]) await server.call('POST', '/artifacts/', { key: 'quality', type: 'table', data: JSON.stringify([{ model: 'a', auc }]) })
    const opened = await open(server, '/artifacts/key/quality')
    const chart = opened.page.getByRole('img', { name: 'auc over the versions of quality' })
    await chart.locator('canvas').waitFor()
    const over = (await chart.locator('.u-over').boundingBox())!
    await opened.page.mouse.move(over.x + over.width - 1, over.y + 20)
    await chart.getByText('auc 0.91').waitFor()
    await close(opened)
  })

  test('diagrams and formulas of a markdown artifact are drawn, and nothing of them runs', async () => {
    const data = ['# Plan', '```mermaid', 'graph TD', '  A[Extract<img src=x onerror="top.bad=1">] --> B[Load]', '  click B "javascript:alert(1)"', '```', 'The area is $\\pi r^2$.', '', '$$\\sum_{n=1}^{3} n = 6$$', '', '```mermaid', 'no diagram', '```'].join('\n').replaceAll('\\\\', '\\')
    const made = await server.call<{ id: string }>('POST', '/artifacts/', { key: 'plan', type: 'markdown', data })
    for (const colorScheme of ['light', 'dark'] as const) {
      const opened = await open(server, `/artifacts/artifact/${made.id}`, { colorScheme })
      const { page } = opened
      const image = page.getByRole('img', { name: /^Diagram: graph TD/ })
      await image.waitFor()
      expect(await image.evaluate((element: HTMLImageElement) => element.decode().then(() => element.naturalWidth))).toBeGreaterThan(50)
      await page.getByText(/This diagram cannot be drawn/).waitFor()
      await page.locator('math').nth(1).waitFor()
      expect(await page.locator('math').first().textContent()).toContain('π')
      expect(await page.evaluate(() => (window as unknown as { bad?: number }).bad)).toBeUndefined()
      // The console may say what the policy of the diagram's document has refused to run.
      opened.problems = opened.problems.filter((problem) => !problem.startsWith('Executing inline event handler violates'))
      await close(opened)
    }
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
