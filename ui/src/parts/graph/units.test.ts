import { expect, test } from 'vitest'
import type { GraphNode, GraphPage } from '../../api/schema'
import { findBox, layoutGraph, layoutTimeline } from './layout'
import { buildUnits, describeUnit } from './units'

function node(id: string, group: string, start: number | null, end: number | null, parents: number[] = [], more: Partial<GraphNode> = {}): GraphNode {
  return { id, kind: 'task-run', name: id, group, state_type: end === null ? 'RUNNING' : 'COMPLETED', state_name: '', start, end, parents, attempts: [], ...more }
}

function graph(nodes: GraphNode[]): GraphPage {
  return { start: '2026-01-01T00:00:00Z', end: null, state_type: 'RUNNING', nodes, left_out: 0, subflows: {}, events: [] }
}

function shown(nodes: GraphNode[], open: string[] = []) {
  return { graph: graph(nodes), open: new Set(open), subgraphs: new Map(), now: 1000 }
}

const MAPPED = [node('a', 'a', 0, 10), ...Array.from({ length: 8 }, (_, n) => node(`m-${n}`, 'm', 10 + n, n === 7 ? null : 40 + n, [0])), node('z', 'z', null, null, [1, 2])]

test('mapped runs are folded into one unit with their counts', () => {
  const units = buildUnits(shown(MAPPED))
  expect(units.map((unit) => unit.label)).toEqual(['a', 'm ×8', 'z'])
  expect(describeUnit(units[1]!)).toBe('m ×8: 7 completed, 1 running')
  expect([units[1]!.start, units[1]!.end, units[1]!.running]).toEqual([10, 1000, true])
  expect(units.map((unit) => unit.parents)).toEqual([[], [0], [1]])
})

test('an open group shows each of its runs', () => {
  const units = buildUnits(shown(MAPPED, ['0/m']))
  expect(units.length).toBe(11)
  expect(units[2]!.indent).toBe(1)
})

test('an open subflow shows its runs in place, on the time of its parent', () => {
  const state = shown([node('sub', 's', 5, 50, [], { kind: 'flow-run' })], ['sub'])
  state.subgraphs.set('sub', { ...graph([node('inner', 'i', 1, 2)]), start: '2026-01-01T00:00:00.005Z' } as never)
  expect(buildUnits(state).map((unit) => [unit.label, unit.start, unit.indent])).toEqual([
    ['sub', 5, 0],
    ['inner', 6, 1],
  ])
})

test('a unit is right of what it depends on, and found where it is drawn', () => {
  const layout = layoutGraph(buildUnits(shown(MAPPED)))
  const [a, m, z] = layout.boxes as unknown as [{ x: number }, { x: number }, { x: number; y: number }]
  expect(a.x < m.x && m.x < z.x).toBe(true)
  expect(findBox(layout.boxes, z.x + 3, z.y + 3)).toBe(2)
  expect(findBox(layout.boxes, 0, 0)).toBe(-1)
})

test('five thousand runs are laid out in well under a second of the processor', () => {
  const nodes = Array.from({ length: 5000 }, (_, n) => node(`t-${n}`, `g${n % 2500}`, n, n + 5, n ? [n - 1] : []))
  const began = process.cpuUsage()
  const units = buildUnits(shown(nodes))
  layoutTimeline(units, { from: 0, until: 5005, left: 0, width: 1000 })
  layoutGraph(units)
  const { user, system } = process.cpuUsage(began)
  expect((user + system) / 1000).toBeLessThan(800)
})
