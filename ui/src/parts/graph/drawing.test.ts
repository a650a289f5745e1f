import { expect, test } from 'vitest'
import type { GraphNode, GraphPage } from '../../api/schema'
import { mergeGraph } from './changes'
import { findCriticalPath } from './critical'
import { AXIS, layoutCompact, layoutDurations, layoutSequence, layoutTimeline } from './layout'
import { findMark, listMarks, listSpans, measureHead, placeMarks } from './marks'
import { buildUnits } from './units'

const BEGIN = '2026-01-01T00:00:00Z'
const SCALE = { from: 0, until: 100, left: 0, width: 1000 }

function node(id: string, start: number | null, end: number | null, parents: number[] = [], more: Partial<GraphNode> = {}): GraphNode {
  return { id, kind: 'task-run', name: id, group: id, state_type: end === null ? 'RUNNING' : 'COMPLETED', state_name: '', start, end, parents, attempts: [], ...more }
}

function graph(...nodes: GraphNode[]): GraphPage {
  return { start: BEGIN, end: null, state_type: 'RUNNING', nodes, left_out: 0, subflows: {}, events: [] }
}

const unitsOf = (page: GraphPage) => buildUnits({ graph: page, open: new Set(), subgraphs: new Map(), now: 100 })

const changes = (nodes: GraphNode[], more: object = {}) => ({ start: BEGIN, end: null, state_type: 'RUNNING', nodes, subflows: {}, uses: {}, events: [], ...more })

test('a graph follows nodes that changed, with edges to what they used', () => {
  const before = graph(node('a', 0, 10), node('b', null, null, [0]))
  const after = mergeGraph(before, changes([node('b', 30, null), node('c', 20, 25)], { uses: { c: ['a'], b: ['a'] } }))!
  expect(after.nodes.map((each) => [each.id, each.start, each.parents])).toEqual([
    ['a', 0, []],
    ['c', 20, [0]],
    ['b', 30, [0]],
  ])
})

test('a task run gives way to the subflow run that it stands for', () => {
  const before = graph(node('a', 0, 10), node('call', 12, null, [0]), node('z', 20, null, [1]))
  const after = mergeGraph(before, changes([node('sub', 12, null, [], { kind: 'flow-run' })], { subflows: { sub: 'call' }, uses: { sub: ['a'] } }))!
  expect(after.nodes.map((each) => [each.id, each.parents])).toEqual([
    ['a', []],
    ['sub', [0]],
    ['z', [1]],
  ])
  const later = mergeGraph(after, changes([node('y', 30, null)], { uses: { y: ['call'] } }))!
  expect(later.nodes.at(-1)!.parents).toEqual([1])
})

test('a graph whose time begins elsewhere has to be loaded again', () => {
  expect(mergeGraph(graph(), { ...changes([]), start: '2026-01-01T00:00:01Z' })).toBeUndefined()
})

test('the critical path goes back by what was used, and else by what had ended', () => {
  const page = graph(node('a', 0, 10), node('b', 0, 40), node('c', 12, 20, [0]), node('d', 41, 60, [1, 2]), node('e', 61, 90), node('f', 62, null))
  expect(findCriticalPath(page)).toEqual({ ids: ['b', 'd', 'e'], busy: 40 + 19 + 29 })
})

test('the critical path goes through what kept a thread busy', () => {
  const page = graph(node('a', 0, 10), node('b', 12, 3000, [0]), node('c', 14, 5000, [0]), node('d', 3001, 6000, [0]))
  expect(findCriticalPath(page).ids).toEqual(['a', 'b', 'd'])
})

test('the critical path ends where times are equal', () => {
  expect(findCriticalPath(graph(node('a', 5, 5), node('b', 5, 5))).ids).toEqual(['a', 'b'])
  expect(findCriticalPath(graph()).ids).toEqual([])
})

test('the compact layout puts bars that do not overlap into one row, near what they used', () => {
  const page = graph(node('a', 0, 30), node('b', 0, 30), node('c', 60, 90, [1]), node('d', 60, 90, [0]))
  const rows = layoutCompact(unitsOf(page), SCALE).boxes.map((box) => box.y)
  expect(rows[0]).not.toBe(rows[1])
  expect(rows.slice(2)).toEqual([rows[1], rows[0]])
})

test('durations are drawn from one line, the longest first', () => {
  const { boxes } = layoutDurations(unitsOf(graph(node('a', 0, 10), node('b', 5, 55), node('c', null, null))), { ...SCALE, until: 50 })
  expect(boxes.map((box) => [box.x, Math.round(box.width)])).toEqual([
    [0, 200],
    [0, 1000],
    [0, 3],
  ])
  expect(boxes[1]!.y < boxes[0]!.y && boxes[0]!.y < boxes[2]!.y).toBe(true)
})

test('the sequence goes on in the next line where the drawing ends', () => {
  const { boxes } = layoutSequence(unitsOf(graph(node('a', 0, 1), node('b', 1, 2), node('c', 2, 3))), 420)
  expect(boxes[0]!.y).toBe(boxes[1]!.y)
  expect([boxes[2]!.x, boxes[2]!.y > boxes[0]!.y]).toEqual([boxes[0]!.x, true])
})

test('artifacts are marked on the row of their task run, and events in the head', () => {
  const page = graph(node('a', 0, 10), node('b', 10, 90))
  const artifact = { id: 'r', created: '2026-01-01T00:00:00.050Z', key: 'report', type: 'markdown', description: null, flow_run_id: null, task_run_id: 'b' }
  const event = (id: string, at: number) => ({ id, name: 'orders.imported', resource: 'shop', occurred: BEGIN, at })
  const marks = listMarks([artifact], [event('1', 20), event('2', 20.5), event('3', 80)], new Date(BEGIN).getTime())
  const head = measureHead(true, true)
  const units = unitsOf(page)
  const placed = placeMarks(marks, units, layoutTimeline(units, SCALE, head.height), SCALE, head)
  expect(placed.map((mark) => [mark.head, mark.x, mark.marks.length])).toEqual([
    [false, 500, 1],
    [true, 200, 2],
    [true, 800, 1],
  ])
  expect(findMark(placed, 503, placed[0]!.y, 0, 0)).toBe(placed[0])
  expect(findMark(placed, 300, AXIS, 0, 0)).toBeUndefined()
})

test('states last until the next one, and the last of them until now', () => {
  const state = (type: string, at: string) => ({ type, name: type, timestamp: at, message: null })
  const spans = listSpans([state('PENDING', '2025-12-31T23:59:58Z'), state('RUNNING', BEGIN)], new Date(BEGIN).getTime(), 700)
  expect(spans.map((span) => [span.type, span.from, span.until])).toEqual([
    ['PENDING', -2000, 0],
    ['RUNNING', 0, 700],
  ])
})
