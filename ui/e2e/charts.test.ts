import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { close, inBrowser, open, sharedServer, useBrowser } from './browser'

/** Drag over a part of a chart, from and to shares of its width. */
async function drag(page: Page, chart: string, from: number, until: number) {
  const over = page.getByRole('group', { name: chart }).locator('.u-over')
  const place = async () => (await over.boundingBox())!
  // It waits until nothing moves it any more.
  await over.hover({ position: { x: (await place()).width * from, y: 20 } })
  const box = await place()
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * until, box.y + 20, { steps: 4 })
  await page.mouse.up()
}

/** Return how many seconds a query of the page's address covers. */
function readSpan(query: string): number {
  const at = (name: string) => Date.parse(new RegExp(`${name}[:=]([0-9T:.Z-]+)`).exec(query)![1]!)
  return (at('until') - at('since')) / 1000
}

inBrowser('charts', () => {
  useBrowser()
  const server = sharedServer()

  test('of the overview lead to the runs of a column, or of the time that is dragged over', async () => {
    const opened = await open(server, '/')
    const { page } = opened
    const chart = page.getByRole('group', { name: 'Flow runs by state over time' })
    await chart.locator('.u-over a').first().waitFor()
    const drawn = await chart.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
      return new Set(new Uint32Array(data.buffer)).size
    })
    expect(drawn).toBeGreaterThan(4)
    const link = chart.getByRole('link', { name: /completed/ }).first()
    await link.hover()
    await chart.locator('.tip', { hasText: 'completed' }).waitFor()
    await link.click()
    await page.waitForURL(/\/runs\?/)
    expect(readSpan(new URL(page.url()).searchParams.get('q')!)).toBe(1800)
    await page.goBack()
    await chart.locator('.u-over a').first().waitFor()
    await drag(page, 'Flow runs by state over time', 0.25, 0.75)
    await page.waitForURL(/\/runs\?/)
    expect(readSpan(new URL(page.url()).searchParams.get('q')!) / 3600).toBeCloseTo(12.25, 0)
    await close(opened)
  })

  test('of the events narrow them to a time, and back', async () => {
    const opened = await open(server, '/events')
    const { page } = opened
    await page.locator('.u-over a').first().waitFor()
    await drag(page, 'Events over time', 0.5, 1)
    await page.waitForURL(/since=/)
    expect(readSpan(decodeURIComponent(page.url())) / 3600).toBeGreaterThan(11)
    await page.getByRole('button', { name: 'until now' }).click()
    await page.waitForURL(/\/events$/)
    await close(opened)
  })
})

inBrowser('events', () => {
  useBrowser()
  const server = sharedServer()

  test('of a run are one row that opens, unless one wants each by itself', async () => {
    const id = `prefect.flow-run.${crypto.randomUUID()}`
    const name = `grouped-${id.slice(-6)}`
    const occurred = new Date().toISOString()
    const resource = { 'prefect.resource.id': id, 'prefect.resource.name': name }
    await server.call('POST', '/events', ['Pending', 'Running'].map((state) => ({ id: crypto.randomUUID(), occurred, event: `prefect.flow-run.${state}`, resource })))
    const opened = await open(server, `/events?resource=${id}`)
    const { page } = opened
    const row = page.locator('tbody tr', { hasText: '2 events' })
    await row.getByText(/Pending|Running/).waitFor()
    expect(await page.locator('tbody tr').count()).toBe(1)
    await row.getByRole('button', { name: '2 events' }).click()
    await page.getByRole('button', { name: 'prefect.flow-run.Pending' }).waitFor()
    await page.getByRole('checkbox', { name: 'Group by run' }).uncheck()
    await row.waitFor({ state: 'detached' })
    expect(await page.locator('tbody tr').count()).toBe(2)
    await page.getByRole('combobox', { name: /^Event/ }).focus()
    await page.locator('datalist option[value="prefect.flow-run.*"]').waitFor({ state: 'attached' })
    await page.getByRole('combobox', { name: /^Event/ }).fill('prefect.flow-run.P*')
    await page.locator('tbody tr', { hasText: 'Running' }).waitFor({ state: 'detached' })
    expect(await page.locator('tbody tr').count()).toBe(1)
    await close(opened)
  })
})
