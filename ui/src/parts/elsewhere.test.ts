import { expect, test } from 'vitest'
import { toCommand, toCurl, toLines } from './elsewhere'

test.each([
  [{ method: 'PATCH', path: '/work_pools/my%20pool', body: { is_paused: true } }, "prefect work-pool pause 'my pool'"],
  [{ method: 'PATCH', path: '/work_pools/local', body: { concurrency_limit: null } }, 'prefect work-pool clear-concurrency-limit local'],
  [{ method: 'PATCH', path: '/work_pools/local/queues/high', body: { concurrency_limit: 3 } }, 'prefect work-queue set-concurrency-limit high 3 --pool local'],
  [{ method: 'PATCH', path: '/work_pools/local/queues/high', body: { priority: 2 } }, `prefect api PATCH /work_pools/local/queues/high --data '{"priority":2}'`],
  [{ method: 'PATCH', path: '/automations/a1', body: { enabled: false } }, 'prefect automation pause --id a1'],
  [{ method: 'POST', path: '/concurrency_limits/', body: { tag: 'gpu', concurrency_limit: 2 } }, 'prefect concurrency-limit create gpu 2'],
  [{ method: 'POST', path: '/variables/', body: { name: 'a', value: { b: "it's" }, tags: ['t'] } }, `prefect variable set a '{"b":"it'"'"'s"}' --tag t`],
  [{ method: 'POST', path: '/ui/bulk/runs/j1/stop' }, 'prefect flow-run jobs stop j1'],
  [{ method: 'POST', path: '/deployments/d1/pause_deployment' }, 'prefect api POST /deployments/d1/pause_deployment'],
] as const)('a change has a command', (change, command) => {
  expect(toCommand(change)).toBe(command)
})

test('a change is a request of curl', () => {
  expect(toCurl({ method: 'POST', path: '/variables/', body: { name: 'a' } }, 'http://x/api')).toBe(`curl -X POST http://x/api/variables/ -H 'content-type: application/json' -d '{"name":"a"}'`)
})

test('changes have lines of Python', () => {
  expect(toLines([{ method: 'DELETE', path: '/flows/f1' }, { method: 'PATCH', path: '/variables/v1', body: { value: null } }])).toBe('client.request("DELETE", "/flows/f1")\nclient.request("PATCH", "/variables/v1", json={"value": None})')
})
