import { expect, test } from 'vitest'
import type { FlowRunPage, FlowsPage, OverviewPage, RunRow, RunsPage, TaskRunCounts } from '../api/schema'
import { mergeFlowRun, mergeFlows, mergeOverview, mergePastOverview, mergeRunsPage, mergeTaskRunCounts, type Step } from './changes'
import { parseMessage } from './messages'

const row = (id: string, state: string, start: string, more: Partial<RunRow> = {}) =>
  ({ id, name: id, state_type: state, state_name: state, start_time: start, expected_start_time: start, end_time: null, run_seconds: 1, running_since: null, message: null, flow: { id: 'f', name: 'etl' }, is_subflow: false, ...more }) as RunRow
const names = (rows: { name: string }[]) => rows.map((each) => each.name).join(' ')
const runs = (rows: RunRow[], page = 1) =>
  ({ rows, page, pages: 1, total: rows.length, upcoming: [], states: [{ type: 'RUNNING', name: 'RUNNING', count: 2 }], chart: null, views: [] }) as unknown as RunsPage

test('a changed run is replaced where it is, and moves with the order', () => {
  const page = runs([row('b', 'RUNNING', '2026-01-02'), row('a', 'RUNNING', '2026-01-01')])
  const merged = mergeRunsPage(page, { rows: [row('a', 'COMPLETED', '2026-01-01')], gone: [], steps: [['2026-01-01', 'RUNNING', 'RUNNING', -1], ['2026-01-01', 'COMPLETED', 'COMPLETED', 1]] }, '-start', 50)
  expect(names(merged.rows)).toBe('b a')
  expect(merged.rows[1]!.state_type).toBe('COMPLETED')
  expect(merged.states.map((state) => [state.type, state.count])).toEqual([['RUNNING', 1], ['COMPLETED', 1]])
  expect(names(mergeRunsPage(page, { rows: [row('a', 'RUNNING', '2026-01-03')], gone: [] }, '-start', 50).rows)).toBe('a b')
})

test('a new run comes to its place on the first page only, and one that is gone leaves', () => {
  const [b, a, c] = [row('b', 'RUNNING', '2026-01-02'), row('a', 'RUNNING', '2026-01-01'), row('c', 'RUNNING', '2026-01-03')]
  expect(names(mergeRunsPage(runs([b, a]), { rows: [c], gone: ['a'] }, '-start', 50).rows)).toBe('c b')
  expect(names(mergeRunsPage(runs([b, a]), { rows: [c], gone: [] }, '-start', 2).rows)).toBe('c b')
  expect(names(mergeRunsPage(runs([a, b]), { rows: [c], gone: [] }, 'name', 50).rows)).toBe('a b c')
  expect(names(mergeRunsPage(runs([b, a], 3), { rows: [c], gone: [] }, '-start', 50).rows)).toBe('b a')
})

test('the overview follows runs through their states', () => {
  const page = { running: [row('a', 'RUNNING', '1')], failed: [], failed_total: 0, late: [row('l', 'SCHEDULED', '1', { state_name: 'Late', message: 'No worker.' })], stuck: [], paused: [], upcoming: [], upcoming_total: 0, states: [], columns: [], latest: [], since: '2026-01-01', width: 60 } as unknown as OverviewPage
  const merged = mergeOverview(page, { rows: [row('a', 'FAILED', '1'), row('n', 'RUNNING', '2'), row('l', 'SCHEDULED', '1', { state_name: 'Late' })], gone: [] })!
  expect([names(merged.running), names(merged.failed), merged.failed_total, merged.late[0]!.message]).toEqual(['n', 'a', 1, 'No worker.'])
  const retried = mergeOverview(merged, { rows: [row('a', 'RUNNING', '1'), row('l', 'PENDING', '1')], gone: [] })!
  expect([names(retried.running), names(retried.failed), retried.failed_total, retried.late]).toEqual(['n a', '', 0, []])
  expect(mergeOverview(page, { rows: [row('p', 'PAUSED', '1')], gone: [] })).toBeUndefined()
})

test('the overview of a time that has ended keeps its runs and counts, and follows what runs now', () => {
  const page = { running: [], failed: [], failed_total: 0, late: [], stuck: [], paused: [], upcoming: [], upcoming_total: 0, states: [], columns: [], latest: [{ id: 'a', name: 'a' }], since: '2026-01-01T00:00:00Z', width: 60 } as unknown as OverviewPage
  const changes = { rows: [row('n', 'RUNNING', '2026-02-01T00:00:00Z')], gone: [], steps: [['2026-02-01T00:00:00Z', 'RUNNING', 'Running', 1]] as Step[] }
  expect([names(mergeOverview(page, changes)!.latest), mergeOverview(page, changes)!.columns.length]).toEqual(['n a', 1])
  const merged = mergePastOverview(page, changes)!
  expect([names(merged.latest), merged.columns, merged.states, names(merged.running)]).toEqual(['a', [], [], 'n'])
  expect(names(mergeOverview(page, { ...changes, rows: [row('old', 'FAILED', '2025-01-01T00:00:00Z')] })!.latest)).toBe('a')
})

test('a list of flows shows new runs among the latest', () => {
  const page = { rows: [{ id: 'f', runs: [{ id: 'a', name: 'a', expected_start_time: '1' }], next: { id: 'b' } }, { id: 'g', runs: [], next: null }] } as unknown as FlowsPage
  const merged = mergeFlows(page, { rows: [row('b', 'RUNNING', '2')], gone: [] })
  expect(merged.rows.map((each) => [names(each.runs), each.next])).toEqual([['b a', null], ['', null]])
})

test('the page of a run is loaded again when the type of its state changes', () => {
  const page = { run: row('a', 'RUNNING', '1') } as unknown as FlowRunPage
  expect(mergeFlowRun(page, { rows: [row('a', 'RUNNING', '1', { tasks_done: 3 })], gone: [] })!.run.tasks_done).toBe(3)
  expect(mergeFlowRun(page, { rows: [row('a', 'FAILED', '1')], gone: [] })).toBeUndefined()
  expect(mergeFlowRun(page, { rows: [], gone: ['a'] })).toBeUndefined()
})

test('messages of the server are read', () => {
  expect(parseMessage('event: change\ndata: {}')).toEqual({ kind: 'change', pushed: true })
  expect(parseMessage('event: runs\ndata: {"rows": [], "gone": ["a"]}')).toEqual({ kind: 'runs', changes: { rows: [], gone: ['a'] } })
  expect(parseMessage('event: logs\ndata: {}')).toEqual({ kind: 'logs' })
  expect([parseMessage(': alive'), parseMessage('retry: 2000\nevent: hello\ndata: {}')]).toEqual([undefined, { kind: 'hello' }])
})

test('counts, totals and charts follow the steps of states', () => {
  const chart = { since: '2026-01-01T00:00:00Z', until: '2026-01-01T00:10:00Z', points: [], cells: [[5, 3, 'RUNNING', 4]], columns: 10, rows: [] }
  const page = { ...runs([row('b', 'RUNNING', '2026-01-01T00:05:00Z')]), total: 70, pages: 2, chart } as unknown as RunsPage
  const steps: Step[] = [['2026-01-01T00:05:10Z', 'RUNNING', 'RUNNING', -1], ['2026-01-01T00:05:10Z', 'FAILED', 'Failed', 1]]
  const merged = mergeRunsPage(page, { rows: [], gone: [], steps, total: -1 }, '-start', 50)
  expect([merged.total, merged.states.map((state) => [state.name, state.count])]).toEqual([69, [['RUNNING', 1], ['Failed', 1]]])
  expect(merged.chart!.cells).toEqual([[5, 3, 'RUNNING', 3], [5, 3, 'FAILED', 1]])
  const counts = { since: '2026-01-01T00:00:00Z', width: 60, columns: [[5, 'RUNNING', 1]] } as unknown as TaskRunCounts
  expect(mergeTaskRunCounts(counts, { rows: [], gone: [], steps }).columns).toEqual([[5, 'FAILED', 1]])
})

test('a changed run moves its point of a chart', () => {
  const chart = { since: '2026-01-01T00:00:00Z', until: '2026-01-01T00:01:00Z', points: [[0, 1, 'RUNNING', 'a', 'a']], cells: null, columns: 10, rows: [] }
  const page = { ...runs([]), chart } as unknown as RunsPage
  const changed = [row('a', 'COMPLETED', '2026-01-01T00:00:00Z', { run_seconds: 9 }), row('n', 'RUNNING', '2026-01-01T00:02:00Z')]
  const merged = mergeRunsPage(page, { rows: changed, gone: [] }, '-start', 50).chart!
  expect(merged.points.map((point) => point.slice(0, 4))).toEqual([[0, 9, 'COMPLETED', 'a'], [120_000, 1, 'RUNNING', 'n']])
  expect(merged.until).toBe('2026-01-01T00:02:00.000Z')
})
