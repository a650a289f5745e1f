/** A browser for the tests of a file, and what a page has asked for. */
import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject } from 'vitest'
import { TestServer } from './servers'
import { CHROMIUM } from './setup'

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage']

/** Tests that need a browser: without one they are skipped, which CI does not allow. */
export const inBrowser = existsSync(CHROMIUM) ? describe : describe.skip

let browser: Browser | undefined

export function useBrowser() {
  beforeAll(async () => {
    if (existsSync(CHROMIUM)) browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS })
  })
  afterAll(() => browser?.close())
}

export function sharedServer(): TestServer {
  return new TestServer(inject('port'))
}

export interface Opened {
  page: Page
  /** Requests for the API, without the one that waits for changes. */
  calls: string[]
  /** Files that were loaded: their addresses and their bytes as they were sent. */
  files: { url: string; bytes: number }[]
  /** Errors of the console and of the page, and requests for another host. */
  problems: string[]
  close: () => Promise<void>
}

/**
 * Open an address in a context of its own.
 *
 * @param prepare what to do before the page is loaded.
 */
export async function open(server: { url: string }, path: string, options: BrowserContextOptions = {}, base = '', prepare: (page: Page) => Promise<void> = async () => {}): Promise<Opened> {
  const context = await browser!.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  const page = await context.newPage()
  const opened: Opened = { page, calls: [], files: [], problems: [], close: () => context.close() }
  page.on('console', (message) => message.type() === 'error' && opened.problems.push(message.text()))
  page.on('pageerror', (error) => opened.problems.push(error.message))
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.protocol.startsWith('http') && url.origin !== server.url) opened.problems.push(`asked another host: ${request.url()}`)
    else if (url.pathname.startsWith('/api/') && url.pathname !== '/api/ui/live') opened.calls.push(`${request.method()} ${url.pathname}${url.search}`)
  })
  page.on('response', async (response) => {
    if (new URL(response.url()).pathname.startsWith('/api/')) return
    const sizes = await response.request().sizes().catch(() => undefined)
    opened.files.push({ url: response.url(), bytes: sizes?.responseBodySize ?? 0 })
  })
  await prepare(page)
  await page.goto(server.url + base + path)
  await page.waitForSelector('main h1')
  return opened
}

/** Fail with what went wrong in a page, and close it. */
export async function close(opened: Opened) {
  const address = opened.page.url()
  await opened.close()
  expect(opened.problems, address).toEqual([])
}

/** Do something with each item, two at a time: a page that is opened waits as long as it computes. */
export async function forEachInPairs<T>(items: readonly T[], visit: (item: T) => Promise<void>) {
  const left = items.values()
  const visitNext = async () => {
    for (const item of left) await visit(item)
  }
  await Promise.all([visitNext(), visitNext()])
}
