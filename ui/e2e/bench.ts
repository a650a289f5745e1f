/** What opening pages costs a browser, on a running server with many runs: for `make bench` (`benchmarks/page_rows.py`). */
import { writeFileSync } from 'node:fs'
import { test } from 'vitest'
import { open, useBrowser } from './browser'
import { scroll } from './frames'

useBrowser()

test('pages on a server with many runs', async () => {
  const pages: [string, string, string][] = [
    ['overview', '/', 'main .card'],
    ['runs', '/runs', 'tbody tr'],
    ['task runs of a day', '/runs?kind=task_run&q=since:24h', 'tbody tr'],
    ['flows', '/flows', 'tbody tr'],
    ['deployments', '/deployments', 'tbody tr'],
  ]
  const found: Record<string, Record<string, number>> = {}
  for (const [name, path, content] of pages) {
    const opened = await open({ url: process.env.PAGE_URL! }, path)
    await opened.page.waitForSelector(content)
    await opened.page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length)
    const [paint, complete] = await opened.page.evaluate(() => {
      const answers = performance.getEntriesByType('resource').filter((each) => each.name.includes('/api/ui/pages')) as PerformanceResourceTiming[]
      return [performance.getEntriesByName('first-contentful-paint')[0]!.startTime, Math.max(...answers.map((each) => each.responseEnd))]
    })
    await opened.page.waitForLoadState('load')
    found[name] = {
      'first content': paint! / 1000,
      complete: complete! / 1000,
      'API calls': opened.calls.length,
      'KiB of a first load': opened.files.reduce((sum, file) => sum + file.bytes, 0) / 1024,
    }
    await opened.close()
  }
  found['the graph of 5,000 tasks'] = await measureGraph()
  found['a log of a million lines'] = await measureLog()
  writeFileSync(process.env.BENCH!, JSON.stringify(found))
})

const server = { url: process.env.PAGE_URL! }

async function findRun(name: string): Promise<string> {
  const answer = await fetch(`${server.url}/api/ui/pages/runs?chart=false&sort=-duration&q=name:${encodeURIComponent(`"${name}"`)}`)
  return ((await answer.json()) as { rows: { id: string }[] }).rows[0]!.id
}

async function measureGraph() {
  const opened = await open(server, `/runs/flow-run/${await findRun('wide-ibex')}`)
  const drawn = await opened.page.evaluate(async () => {
    while (!document.querySelector('.frame canvas')?.width) await new Promise(requestAnimationFrame)
    return performance.now()
  })
  const box = (await opened.page.locator('.frame canvas').boundingBox())!
  await opened.page.mouse.click(box.x + 200, box.y + 32 + 24 + 12) // all of them, unfolded
  await opened.page.waitForFunction(() => document.querySelector('.space')!.clientHeight > 100_000)
  const frames = await scroll(opened.page, '[aria-label="Drawing"]', { y: 60 })
  await opened.close()
  return { 'drawn after': drawn / 1000, 'frame while it is panned': frames.median / 1000, 'slow frame': frames.slow / 1000, 'longest task while it is panned': frames.longest / 1000 }
}

async function measureLog() {
  const opened = await open(server, `/runs/flow-run/${await findRun('endless-log')}?tab=logs`)
  await opened.page.waitForSelector('[data-line="0"]')
  await opened.page.getByRole('button', { name: 'End' }).click()
  await opened.page.waitForFunction(() => [...document.querySelectorAll('[data-line]')].some((line) => Number(line.getAttribute('data-line')) > 900_000))
  const frames = await scroll(opened.page, '[role="log"]', { y: -120 }, 240)
  await opened.close()
  return { 'frame while it is scrolled': frames.median / 1000, 'slow frame': frames.slow / 1000, 'longest task while it is scrolled': frames.longest / 1000 }
}
