/**
 * The pictures of the guide: `make ui-pictures`.
 *
 * With LOOK=<directory> it takes one of every page instead, in both themes and at a phone's width, for looking at;
 * with PAGE_URL of a running server that `tools.page_demo` has filled.
 */
import { join } from 'node:path'
import type { BrowserContextOptions } from 'playwright-core'
import { expect, test } from 'vitest'
import { findIds, listPages } from './addresses'
import { open, sharedServer, useBrowser } from './browser'
import { TestServer } from './servers'

const GUIDE = join(import.meta.dirname, '..', '..', 'docs', 'guide', 'pictures')
const SIZE = { width: 1200, height: 750 }

useBrowser()
const port = Number(process.env.PAGE_URL?.split(':').pop())
const server = port ? new TestServer(port) : sharedServer()

/** @param menu the name of a button that is pressed first. */
async function take(path: string, file: string, options: BrowserContextOptions, menu?: string) {
  const opened = await open(server, path, options)
  // A page that is sent changes is never idle.
  await opened.page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => undefined)
  if (menu) await opened.page.getByRole('button', { name: menu }).click()
  await opened.page.waitForTimeout(400)
  await opened.page.screenshot({ path: file })
  await opened.close()
}

test.runIf(!process.env.LOOK)('pictures of the guide', async () => {
  const ids = await findIds(server)
  const wide = await server.findRun('wide-ibex')
  const chatty = await server.findRun('chatty-lynx')
  const pictures: [string, string, BrowserContextOptions?, string?][] = [
    ['overview', '/'],
    ['runs', '/runs'],
    ['flow-run', `/runs/flow-run/${ids.run}`],
    ['timeline', `/runs/flow-run/${wide}`, { colorScheme: 'dark' }],
    ['logs', `/runs/flow-run/${chatty}?tab=logs`, {}, 'View actions'],
    ['run-form', `/deployments/deployment/${ids.deployment}/run`],
    ['phone', '/runs', { viewport: { width: 390, height: 750 } }],
  ]
  for (const [name, path, options, menu] of pictures) await take(path, join(GUIDE, `${name}.png`), { viewport: SIZE, colorScheme: 'light', ...options }, menu)
  expect(pictures.length).toBeGreaterThan(0)
})

test.runIf(process.env.LOOK)('every page, to look at', async () => {
  const only = process.env.ONLY ?? ''
  const paths = listPages(await findIds(server)).map(([path]) => path)
  for (const name of ['wide-ibex', 'busy-puffin', 'waiting-newt', 'chatty-lynx']) {
    const run = await server.findRun(name).catch(() => '')
    if (run) paths.push(`/runs/flow-run/${run}#${name}`, `/runs/flow-run/${run}?tab=logs#${name}`)
  }
  for (const path of paths) {
    if (!path.includes(only)) continue
    const name = path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'id').replace(/[^a-z0-9-]+/gi, '_')
    for (const colorScheme of ['light', 'dark'] as const) {
      await take(path, join(process.env.LOOK!, `${name}-${colorScheme}.png`), { viewport: { width: 1440, height: 900 }, colorScheme })
    }
    await take(path, join(process.env.LOOK!, `${name}-phone.png`), { viewport: { width: 390, height: 844 } })
  }
})
