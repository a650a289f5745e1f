import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { close, inBrowser, open, useBrowser } from './browser'
import { freePort, TestServer } from './servers'

const BEGAN = Date.parse('2026-11-02T10:00:00Z')
const at = (second: number) => new Date(BEGAN + second * 1000).toISOString()

inBrowser('the log of a run', () => {
  useBrowser()
  let server: TestServer
  let flow: string
  const run = crypto.randomUUID()
  const task = crypto.randomUUID()
  beforeAll(async () => {
    server = new TestServer(await freePort())
    await server.start()
    flow = (await server.call<{ id: string }>('POST', '/flows/', { name: 'etl' })).id
    const state = (type: string, second: number, name = type) => ({ id: crypto.randomUUID(), type, name, timestamp: at(second) })
    const log = (second: number, message: string, level = 20, task_run_id: string | null = null) => ({ kind: 'log', id: crypto.randomUUID(), name: task_run_id ? 'prefect.task_runs' : 'prefect.flow_runs', level, message, timestamp: at(second), flow_run_id: run, task_run_id })
    await server.record(
      { kind: 'flow_run', id: run, flow_id: flow, name: 'retried-one', parameters: {}, tags: [], created: at(0), states: [state('PENDING', 0), state('RUNNING', 1), state('SCHEDULED', 10, 'AwaitingRetry'), state('RUNNING', 20, 'Retrying'), state('COMPLETED', 30)] },
      { kind: 'task_run', id: task, flow_run_id: run, name: 'load-0', task_key: 'load', dynamic_key: '0', tags: [], task_inputs: {}, created: at(2), states: [state('PENDING', 2), state('RUNNING', 2), state('COMPLETED', 9)] },
      log(0, 'submitted'),
      log(2, 'first try'),
      log(3, 'rows of https://warehouse.example/orders', 20, task),
      log(4, '\u001b[31mred alert\u001b[0m', 30),
      log(5, '{"rows": 12, "table": "orders"}'),
      log(21, 'second try'),
      log(22, 'needle one'),
      log(23, 'needle two', 40),
    )
  })
  afterAll(() => server.remove())
  const show = async () => {
    const opened = await open(server, `/runs/flow-run/${run}?tab=logs`)
    await opened.page.getByText('8 lines').waitFor()
    return opened
  }
  const pick = (opened: Awaited<ReturnType<typeof show>>, label: string, option: string) => opened.page.getByLabel(label, { exact: true }).selectOption({ label: option })

  test('is narrowed by attempt, task, level and logger', async () => {
    const opened = await show()
    const { page } = opened
    await page.getByText('Attempt 2', { exact: false }).locator('visible=true').first().waitFor()
    await pick(opened, 'Attempt', 'Attempt 2')
    await page.getByText('3 lines').waitFor()
    await page.getByText('second try').waitFor()
    await pick(opened, 'Attempt', 'Attempt 1')
    await page.getByText('5 lines').waitFor()
    await pick(opened, 'Attempt', 'All attempts')
    await pick(opened, 'Task', 'load-0')
    await page.getByText('1 line', { exact: true }).waitFor()
    await pick(opened, 'Task', 'All tasks')
    await pick(opened, 'Level', 'Errors')
    await page.getByText('1 line', { exact: true }).waitFor()
    await page.getByText('needle two').waitFor()
    await pick(opened, 'Level', 'All levels')
    await pick(opened, 'Logger', 'prefect.task_runs')
    await page.getByText('1 line', { exact: true }).waitFor()
    await close(opened)
  })

  test('is searched as a whole, to the next hit and to the one before', async () => {
    const opened = await show()
    const { page } = opened
    await page.getByRole('textbox', { name: 'Search the log' }).fill('NEEDLE')
    await page.keyboard.press('Enter')
    await page.getByText('1 of 2').waitFor()
    await page.getByRole('button', { name: 'Next hit' }).click()
    await page.getByText('2 of 2').waitFor()
    await page.locator('[data-line="7"] .hit').waitFor()
    await page.getByRole('button', { name: 'Previous hit' }).click()
    await page.getByText('1 of 2').waitFor()
    await page.getByRole('textbox', { name: 'Search the log' }).fill('/^NE+dle (one|two)/')
    await page.keyboard.press('Enter')
    await page.getByText('1 of 2').waitFor()
    await page.locator('.hit', { hasText: /^needle one$/ }).waitFor()
    await page.getByRole('textbox', { name: 'Search the log' }).fill('/(ne/')
    await page.keyboard.press('Enter')
    await page.getByText('The pattern /(ne/ cannot be read: unclosed group.').waitFor()
    await opened.close()
  })

  test('shows the lines around a hit whatever the filter leaves out', async () => {
    const opened = await show()
    const { page } = opened
    await pick(opened, 'Level', 'Errors')
    await page.getByText('1 line', { exact: true }).waitFor()
    await page.getByRole('textbox', { name: 'Search the log' }).fill('needle')
    await page.keyboard.press('Enter')
    await page.getByText('1 of 1', { exact: true }).waitFor()
    await page.locator('[data-line="0"]').getByRole('button', { name: 'Around' }).click()
    const around = page.getByRole('group', { name: 'The lines around it' })
    await around.getByText('needle one').waitFor()
    await around.getByText('rows of https://warehouse.example/orders').waitFor()
    await page.locator('[data-line="0"]').getByRole('button', { name: 'Around' }).click()
    await around.waitFor({ state: 'detached' })
    await close(opened)
  })

  test('is read from its end, with times since the run began', async () => {
    const opened = await show()
    const { page } = opened
    await page.getByRole('button', { name: 'View actions' }).click()
    await pick(opened, 'Order', 'Newest first')
    const lines = page.locator('[data-line] .text')
    await page.waitForFunction(() => document.querySelector('[data-line] .text')?.textContent === 'needle two')
    expect(await lines.allTextContents()).toHaveLength(8)
    expect(await lines.last().textContent()).toBe('submitted')
    await pick(opened, 'Times', 'Since the start')
    await page.locator('[data-line="7"]').getByText('+22 s').waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+f')
    await page.keyboard.type('first try')
    await page.keyboard.press('Enter')
    await page.locator('[data-line="1"].current .hit').waitFor()
    await close(opened)
  })

  test('is reached from the list of runs, searched and left again by keys alone', async () => {
    const name = 'retried-one'
    for (const other of ['another-one', 'yet-another']) await server.call('POST', '/flow_runs/', { flow_id: flow, name: other, state: { type: 'COMPLETED' } })
    const opened = await open(server, '/runs?sort=-name')
    const { page } = opened
    const { keyboard } = page
    const focused = () => page.evaluate(() => document.activeElement?.textContent)
    const names = page.locator('tbody a.run')
    await names.nth(2).waitFor()
    const listed = await names.allTextContents()
    expect(listed).toEqual(['yet-another', name, 'another-one'])
    for (const key of 'jjj') await keyboard.press(key)
    await keyboard.press('k')
    expect(await focused()).toBe(name)
    await keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name }).waitFor()
    const chosen = page.locator('[role=tab][aria-selected=true]')
    await chosen.getByText('Timeline').waitFor()
    await keyboard.press('l')
    await chosen.getByText('Logs').waitFor()
    await page.locator('[data-line="0"]').waitFor()
    await keyboard.press('/')
    await keyboard.type('needle')
    await keyboard.press('Enter')
    await page.getByText('1 of 2').waitFor()
    await keyboard.press('Enter')
    await page.locator('[data-line="7"].current .hit').waitFor()
    await keyboard.press('Shift+Enter')
    await page.getByText('1 of 2').waitFor()
    await keyboard.press('Escape')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Log lines')
    await keyboard.press('h')
    await chosen.getByText('Timeline').waitFor()
    await keyboard.press('?')
    for (const text of ['Previous and next tab', 'Back to the page before', /next and previous hit/]) await page.getByRole('dialog', { name: 'Keys' }).getByText(text).waitFor()
    await keyboard.press('Escape')
    await keyboard.press('b')
    await page.waitForURL(/runs\?sort=-name/)
    await names.nth(2).waitFor()
    // One goes on from the run that one has seen.
    await keyboard.press('j')
    expect(await focused()).toBe('another-one')
    await close(opened)
  })

  test('is narrowed to the task run that was chosen in the drawing', async () => {
    const opened = await open(server, `/runs/flow-run/${run}?node=${task}&tab=logs`)
    await opened.page.getByText('1 line', { exact: true }).waitFor()
    await pick(opened, 'Task', 'All tasks')
    await opened.page.getByText('8 lines').waitFor()
    await close(opened)
  })

  test('shows colours, links and JSON as such', async () => {
    const opened = await show()
    const { page } = opened
    const link = page.locator('[data-line="2"] a[href="https://warehouse.example/orders"]')
    expect(await link.getAttribute('rel')).toContain('noreferrer')
    const alert = page.locator('[data-line="3"]')
    expect(await alert.textContent()).toContain('red alert')
    expect(await alert.textContent()).not.toContain('[31m')
    const [plain, red] = await page.evaluate(() => ['[data-line="1"]', '[data-line="3"]'].map((line) => {
      const words = [...document.querySelectorAll(`${line} *`)].filter((each) => !each.children.length && /first try|red alert/.test(each.textContent ?? ''))
      return getComputedStyle(words.at(-1)!).color
    }))
    expect(red).not.toBe(plain)
    await page.locator('[data-line="4"]').getByRole('button', { name: 'JSON' }).click()
    await page.locator('pre', { hasText: '"rows": 12' }).waitFor()
    await close(opened)
  })

  test('is downloaded as the filter shows it', async () => {
    const opened = await show()
    await pick(opened, 'Attempt', 'Attempt 2')
    await opened.page.getByText('3 lines').waitFor()
    const downloading = opened.page.waitForEvent('download')
    await opened.page.getByLabel('Download').selectOption('text')
    const download = await downloading
    expect(download.suggestedFilename()).toBe('retried-one.log')
    const lines = readFileSync(await download.path(), 'utf8').trim().split('\n')
    expect(lines.map((line) => line.split(' - ').pop())).toEqual(['second try', 'needle one', 'needle two'])
    await close(opened)
  })
})
