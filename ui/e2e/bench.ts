/** What opening pages costs a browser, on a running server with many runs: for `make bench` (`benchmarks/page_rows.py`). */
import { writeFileSync } from 'node:fs'
import { test } from 'vitest'
import { open, useBrowser } from './browser'

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
  writeFileSync(process.env.BENCH!, JSON.stringify(found))
})
