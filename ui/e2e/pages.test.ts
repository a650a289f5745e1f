import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { findIds, listLinks, listPages, listPanels, type Ids } from './addresses'
import { close, forEachInPairs, inBrowser, open, sharedServer, useBrowser } from './browser'

const MAX_CALLS = 3
/** Of a page with a panel beside it, which asks for what it shows. */
const MAX_PANEL_CALLS = 5
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  id: string
  impact: string
  nodes: { target: string[]; failureSummary: string }[]
}

/** Returns what axe finds serious on a page. Rules about colours are all that can differ between themes. */
async function findSerious(page: Page, rules?: string[]): Promise<string[]> {
  const found = await page.evaluate(async (runOnly) => {
    const axe = (window as unknown as { axe: { run: (options: unknown) => Promise<{ violations: Violation[] }> } }).axe
    return (await axe.run({ resultTypes: ['violations'], ...(runOnly && { runOnly }) })).violations
  }, rules)
  return found
    .filter((each) => each.impact === 'serious' || each.impact === 'critical')
    .map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.failureSummary.split('\n')[1] ?? ''}`).join('; ')}`)
}

inBrowser('every page', () => {
  useBrowser()
  const server = sharedServer()
  let ids: Ids
  beforeAll(async () => {
    ids = await findIds(server)
  })

  test('opens at the addresses of the original', async () => {
    for (const [path, heading] of listLinks(ids)) {
      const opened = await open(server, path)
      await opened.page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
      expect(await opened.page.title(), path).toContain(heading)
      await close(opened)
    }
  })

  test('opens at its address, asks a few times at most, has nothing serious for axe to find in both themes, and fits a phone', async () => {
    const pages = listPages(ids).map(([path, heading]) => ({ path, heading, maxCalls: MAX_CALLS }))
    const panels = listPanels(ids).map(([path, heading]) => ({ path, heading, maxCalls: MAX_PANEL_CALLS }))
    await forEachInPairs([...pages, ...panels], async ({ path, heading, maxCalls }) => {
      const opened = await open(server, path, { colorScheme: 'light' })
      await opened.page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
      expect(await opened.page.title(), path).toContain(heading)
      await opened.page.waitForTimeout(500)
      expect(opened.calls.length, `${path}: ${opened.calls.join(', ')}`).toBeLessThanOrEqual(maxCalls)
      await opened.page.evaluate(AXE)
      expect(await findSerious(opened.page), `${path}, light`).toEqual([])
      await opened.page.emulateMedia({ colorScheme: 'dark' })
      expect(await findSerious(opened.page, ['color-contrast', 'link-in-text-block']), `${path}, dark`).toEqual([])
      await opened.page.setViewportSize({ width: 390, height: 844 })
      await opened.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
      expect(await opened.page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390)
      await close(opened)
    })
  })

  test.each([
    ['/flows', 'nightly-etl'],
    ['/runs', 'Calendar'],
  ])('says that it loads where its answer takes long: %s', async (path, link) => {
    const opened = await open(server, path, {}, '', (page) => page.route(`**/ui/pages${path}*`, (route) => setTimeout(() => void route.continue(), 1500)))
    const { page } = opened
    const said = () => page.evaluate(() => {
      const style = getComputedStyle(document.querySelector('main')!, '::after')
      return style.visibility === 'visible' ? style.content : ''
    })
    await expect.poll(said).toBe('"Loading…"')
    await page.getByRole('link', { name: link }).waitFor()
    expect(await said()).toBe('none')
    await close(opened)
  })

  test('of an object that is gone says so', async () => {
    const gone = '01a228db-0000-7000-8000-000000000000'
    for (const path of [`/runs/flow-run/${gone}`, `/runs/task-run/${gone}`, `/flows/flow/${gone}`, `/deployments/deployment/${gone}`, '/work-pools/work-pool/none', `/artifacts/artifact/${gone}`, `/events/event/2026-11-29/${gone}`, `/concurrency-limits/concurrency-limit/${gone}`]) {
      const opened = await open(server, path)
      await opened.page.getByRole('alert').filter({ hasText: 'was not found' }).waitFor()
      await opened.close()
    }
  })
})
