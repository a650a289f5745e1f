/** What is drawn of a graph: a task run each, mapped runs of one task folded into one, subflows opened in place. */
import type { GraphNode, GraphPage } from '../../api/schema'

export interface Unit {
  key: string
  label: string
  kind: 'task' | 'flow' | 'group'
  /** The node, for a single one. */
  node: GraphNode | undefined
  members: GraphNode[]
  counts: Record<string, number>
  start: number | undefined
  end: number | undefined
  running: boolean
  indent: number
  open: boolean
  /** The numbers of the units whose results it used. */
  parents: number[]
}

/** So many runs of one task are folded, unless someone opens them. */
export const FOLD_FROM = 6

export interface Shown {
  graph: GraphPage
  /** The keys of groups and the ids of subflow runs that are open. */
  open: Set<string>
  /** The graphs of opened subflow runs, by their ids. */
  subgraphs: Map<string, GraphPage>
  /** Milliseconds from the start of the flow run until now. */
  now: number
}

/** Return what is drawn, in the order in which it started. */
export function buildUnits(shown: Shown): Unit[] {
  const units: Unit[] = []
  addUnits(units, shown, shown.graph, 0, 0)
  return units
}

function addUnits(units: Unit[], shown: Shown, graph: GraphPage, shift: number, indent: number) {
  const groups = new Map<string, GraphNode[]>()
  for (const node of graph.nodes) {
    const members = groups.get(node.group)
    if (members) members.push(node)
    else groups.set(node.group, [node])
  }
  const unitOf = new Map<GraphNode, number>()
  const begin = units.length
  for (const node of graph.nodes) {
    if (unitOf.has(node)) continue
    const members = groups.get(node.group) as GraphNode[]
    if (members.length >= FOLD_FROM && node.kind === 'task-run') addGroup(units, unitOf, shown, node.group, members, shift, indent)
    else addSingle(units, unitOf, shown, node, shift, indent)
  }
  linkParents(units, unitOf, graph, begin)
}

function addSingle(units: Unit[], unitOf: Map<GraphNode, number>, shown: Shown, node: GraphNode, shift: number, indent: number) {
  unitOf.set(node, units.length)
  const open = shown.open.has(node.id)
  units.push({ ...describe([node], shift, shown.now), key: node.id, label: node.name, kind: node.kind === 'flow-run' ? 'flow' : 'task', node, indent, open })
  const child = open ? shown.subgraphs.get(node.id) : undefined
  if (child && indent < 8) {
    const own = new Date(shown.graph.start ?? 0).getTime()
    addUnits(units, shown, child, new Date(child.start ?? 0).getTime() - own, indent + 1)
  }
}

function addGroup(units: Unit[], unitOf: Map<GraphNode, number>, shown: Shown, group: string, members: GraphNode[], shift: number, indent: number) {
  const key = `${indent}/${group}`
  const open = shown.open.has(key)
  const name = members[0]!.name.replace(/-[^-]*$/, '')
  for (const member of members) unitOf.set(member, units.length)
  units.push({ ...describe(members, shift, shown.now), key, label: `${name} ×${members.length.toLocaleString('en-US')}`, kind: 'group', node: undefined, indent, open })
  // What failed is what one opens a group for.
  const failedFirst = [...members].sort((a, b) => Number(isFailed(b)) - Number(isFailed(a)))
  if (open) for (const member of failedFirst) addSingle(units, unitOf, shown, member, shift, indent + 1)
}

function isFailed(node: GraphNode): boolean {
  return node.state_type === 'FAILED' || node.state_type === 'CRASHED'
}

function describe(members: GraphNode[], shift: number, now: number) {
  const counts: Record<string, number> = {}
  let start: number | undefined
  let end: number | undefined
  let running = false
  for (const node of members) {
    const type = node.state_type ?? 'PENDING'
    counts[type] = (counts[type] ?? 0) + 1
    if (node.start === null) continue
    start = Math.min(start ?? Infinity, node.start + shift)
    if (node.end === null) running = true
    end = Math.max(end ?? -Infinity, node.end === null ? now : node.end + shift)
  }
  return { members, counts, start, end, running, parents: [] as number[] }
}

function linkParents(units: Unit[], unitOf: Map<GraphNode, number>, graph: GraphPage, begin: number) {
  const found = new Map<number, Set<number>>()
  for (const node of graph.nodes) {
    const own = unitOf.get(node) as number
    for (const number of node.parents) {
      const parent = unitOf.get(graph.nodes[number] as GraphNode)
      if (parent === undefined || parent === own) continue
      if (!found.has(own)) found.set(own, new Set())
      found.get(own)!.add(parent)
    }
  }
  for (const [number, parents] of found) if (number >= begin) units[number]!.parents = [...parents]
}

/** Return a group in words: `transform ×300: 297 completed, 2 failed, 1 running`. */
export function describeUnit(unit: Unit): string {
  const counts = Object.entries(unit.counts).sort((a, b) => b[1] - a[1])
  const words = counts.map(([type, count]) => `${count.toLocaleString('en-US')} ${type.toLowerCase()}`).join(', ')
  return unit.kind === 'group' ? `${unit.label}: ${words}` : `${unit.label}: ${words.replace(/^1 /, '')}`
}
