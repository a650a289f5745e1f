/** Retries of a flow run that a program serves: the bodies of its tasks leave a letter in a file for each call. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { close, inBrowser, open, useBrowser } from './browser'
import { freePort, TestServer } from './servers'

const PROGRAM = `
from pathlib import Path
from prefect import flow, task

HERE = Path(__file__).parent
CALLS = HERE / "calls"

def note(name):
    CALLS.mkdir(exist_ok=True)
    with open(CALLS / name, "a") as file:
        file.write("x")

@task(persist_result=True)
def extract():
    note("extract")
    return [1, 2, 3]

@task(persist_result=True)
def item(number):
    note(f"item {number}")
    if number == 2 and not (HERE / "repaired").exists():
        raise ValueError("item 2 is broken")
    return number

@task(persist_result=True)
def total(numbers):
    note("total")
    return sum(numbers)

@task(persist_result=True)
def other():
    note("other")

@flow
def etl():
    other()
    return total(item.map(extract.submit()))

if __name__ == "__main__":
    etl.serve("served")
`
const WAIT_MS = 60_000

interface Run {
  id: string
  state_type: string
  run_count: number
}

inBrowser('retries of a served flow', () => {
  useBrowser()
  let server: TestServer
  let directory: string
  let deployment: string
  beforeAll(async () => {
    server = new TestServer(await freePort())
    await server.start()
    directory = server.run(PROGRAM)
    await until(async () => {
      const found = await server.call<{ id: string }[]>('POST', '/deployments/filter', {})
      deployment = found[0]?.id ?? ''
      return deployment
    })
  }, WAIT_MS)
  afterAll(() => server.remove())

  async function until(found: () => Promise<unknown>) {
    const end = Date.now() + WAIT_MS
    while (!(await found())) {
      if (Date.now() > end) throw new Error('it did not happen')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const hasEnded = (id: string, type: string, attempt: number) =>
    until(async () => {
      const run = await server.call<Run>('GET', `/flow_runs/${id}`)
      return run.state_type === type && run.run_count === attempt
    })
  const begin = async () => (await server.call<Run>('POST', `/deployments/${deployment}/create_flow_run`, {})).id
  const calls = () => Object.fromEntries(readdirSync(join(directory, 'calls')).map((name) => [name, readFileSync(join(directory, 'calls', name), 'utf8').length]))

  test(
    'repeat the failed item of a map, then a chosen task with what used its result',
    async () => {
      const id = await begin()
      await hasEnded(id, 'FAILED', 1)
      expect(calls()).toEqual({ extract: 1, 'item 1': 1, 'item 2': 1, 'item 3': 1, other: 1 })
      const opened = await open(server, `/runs/flow-run/${id}`)
      const { page } = opened
      await page.getByRole('button', { name: 'Retry the 1 failed of 3' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByText('4 completed task runs are kept and not run a second time.').waitFor()
      writeFileSync(join(directory, 'repaired'), '')
      await dialog.getByRole('button', { name: 'Retry', exact: true }).click()
      await hasEnded(id, 'COMPLETED', 2)
      expect(calls()).toEqual({ extract: 1, 'item 1': 1, 'item 2': 2, 'item 3': 1, other: 1, total: 1 })

      const tasks = await server.call<{ id: string; name: string }[]>('POST', '/task_runs/filter', { task_runs: { flow_run_id: { any_: [id] }, name: { like_: 'extract' } } })
      await page.goto(`${server.url}/runs/flow-run/${id}?tab=timeline&node=${tasks[0]!.id}`)
      await page.getByRole('button', { name: 'Retry from here…' }).click()
      await dialog.getByText('and so do 4 completed task runs that used its result. 1 completed task run is kept.').waitFor()
      await dialog.getByRole('button', { name: 'Retry', exact: true }).click()
      await hasEnded(id, 'COMPLETED', 3)
      expect(calls()).toEqual({ extract: 2, 'item 1': 2, 'item 2': 3, 'item 3': 2, other: 1, total: 2 })

      await page.goto(`${server.url}/runs/task-run/${tasks[0]!.id}`)
      await page.getByRole('button', { name: 'Retry from here…' }).click()
      await dialog.getByText('runs again').waitFor()
      await dialog.getByRole('button', { name: 'Cancel', exact: true }).click()
      await close(opened)
    },
    2 * WAIT_MS,
  )

  test(
    'name the tasks whose results were not kept',
    async () => {
      const { flow_id } = await server.call<{ flow_id: string }>('GET', `/deployments/${deployment}`)
      const id = (await server.call<Run>('POST', '/flow_runs/', { flow_id, deployment_id: deployment, state: { type: 'RUNNING' } })).id
      for (const [name, type] of [['unkept', 'COMPLETED'], ['load', 'FAILED']]) {
        const made = await server.call<Run>('POST', '/task_runs/', { flow_run_id: id, task_key: `${name}-0a1b2c3d`, dynamic_key: '0', name: `${name}-0` })
        await server.call('POST', `/task_runs/${made.id}/set_state`, { state: { type }, force: true })
      }
      await server.call('POST', `/flow_runs/${id}/set_state`, { state: { type: 'FAILED' }, force: true })
      const opened = await open(server, `/runs/flow-run/${id}`)
      const button = opened.page.getByRole('button', { name: 'Retry from load-0' })
      await opened.page.locator('button[title^="The results of unkept were not kept: @task(persist_result=True)"]').waitFor()
      expect(await button.isDisabled()).toBe(true)
      await opened.page.getByRole('button', { name: 'Retry', exact: true }).click()
      await opened.page.getByRole('dialog').getByText('No result of a completed task run is kept. The results of unkept were not kept').waitFor()
      await close(opened)
    },
    WAIT_MS,
  )

  test('say why a run without a deployment cannot be retried', async () => {
    const flow = await server.call<{ id: string }>('POST', '/flows/', { name: 'local' })
    const id = (await server.call<Run>('POST', '/flow_runs/', { flow_id: flow.id, state: { type: 'FAILED' } })).id
    const opened = await open(server, `/runs/flow-run/${id}`)
    const button = opened.page.getByRole('button', { name: 'Retry', exact: true })
    await button.waitFor()
    expect(await button.isDisabled()).toBe(true)
    expect(await button.getAttribute('title')).toContain(`prefect flow-run retry ${id} --entrypoint`)
    await close(opened)
  })
})
