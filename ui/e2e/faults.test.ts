import { afterAll, beforeAll, expect, test } from 'vitest'
import { close, inBrowser, open, useBrowser } from './browser'
import { freePort, TestServer } from './servers'

inBrowser('a server that asks for credentials below a base path', () => {
  useBrowser()
  let server: TestServer
  beforeAll(async () => {
    server = new TestServer(await freePort(), { PREFECT_SERVER_API_AUTH_STRING: 'ada:secret', PREFECT_UI_SERVE_BASE: '/prefect', PREFECT_SERVER_CSRF_PROTECTION_ENABLED: 'true' })
    await server.start()
  })
  afterAll(() => server.remove())

  test('lets in those who know the auth string, and then opens what they wanted', async () => {
    const opened = await open(server, '/variables', {}, '/prefect')
    await opened.page.waitForURL(/\/prefect\/login/)
    await opened.page.getByLabel('Auth string').fill('ada:wrong')
    await opened.page.getByRole('button', { name: 'Sign in' }).click()
    await opened.page.getByText('The auth string is wrong.').waitFor()
    await opened.page.getByLabel('Auth string').fill('ada:secret')
    await opened.page.getByRole('button', { name: 'Sign in' }).click()
    await opened.page.waitForURL(/\/prefect\/variables$/)
    // With a CSRF token.
    await opened.page.getByRole('button', { name: 'Create a variable' }).click()
    await opened.page.getByLabel('Name').last().fill('colour')
    await opened.page.getByLabel(/^Value/).fill('red')
    await opened.page.getByRole('button', { name: 'Save' }).click()
    await opened.page.locator('tr', { hasText: 'colour' }).getByText('"red"').waitFor()
    await opened.close()
  })

  test('whose auth string changed asks for the new one, and then shows the same page', async () => {
    const port = await freePort()
    let guarded = new TestServer(port, { PREFECT_SERVER_API_AUTH_STRING: 'ada:first' })
    await guarded.start()
    try {
      const opened = await open(guarded, '/flows')
      await opened.page.waitForURL(/login/)
      await opened.page.getByLabel('Auth string').fill('ada:first')
      await opened.page.getByRole('button', { name: 'Sign in' }).click()
      await opened.page.getByText('No flows yet').waitFor()
      await guarded.stop()
      guarded = new TestServer(port, { PREFECT_SERVER_API_AUTH_STRING: 'ada:second' })
      await guarded.start()
      await opened.page.waitForURL(/login\?back=flows/)
      await opened.page.getByLabel('Auth string').fill('ada:second')
      await opened.page.getByRole('button', { name: 'Sign in' }).click()
      await opened.page.waitForURL(/flows$/)
      await opened.page.getByText('No flows yet').waitFor()
      await opened.close()
    } finally {
      await guarded.remove()
    }
  })

  test('that is restarted under an open page shows on it again', async () => {
    const plain = new TestServer(await freePort())
    await plain.start()
    try {
      const opened = await open(plain, '/runs')
      await opened.page.getByText('No runs yet').waitFor()
      await plain.stop()
      const lost = opened.page.getByRole('status').filter({ hasText: 'The server cannot be reached' })
      await lost.waitFor({ timeout: 20_000 })
      await plain.start()
      const flow = await plain.call<{ id: string }>('POST', '/flows/', { name: 'after' })
      await plain.call('POST', '/flow_runs/', { flow_id: flow.id, name: 'reborn', state: { type: 'COMPLETED' } })
      await opened.page.getByText('reborn').waitFor({ timeout: 20_000 })
      expect(await lost.count()).toBe(0)
      await opened.close()
    } finally {
      await plain.remove()
    }
    expect(close).toBeDefined()
  })
})
