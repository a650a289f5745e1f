/** What the server pushes of a graph while its run is under way, and how the graph follows it. */
import type { GraphEvent, GraphNode, GraphPage } from '../../api/schema'

export interface GraphChanges {
  start: string | null
  end: string | null
  state_type: string | null
  /** Nodes without their edges. */
  nodes: GraphNode[]
  /** The task runs that subflow runs stand for, by their ids. */
  subflows: Record<string, string>
  /** The ids of the task runs whose results a node used, by its id. */
  uses: Record<string, string[]>
  events: GraphEvent[]
}

const MAX_EVENTS = 500

/** Return a graph with what changed in it; nothing where it has to be loaded again, as all its times have moved. */
export function mergeGraph(graph: GraphPage, changes: GraphChanges): GraphPage | undefined {
  if (changes.start !== graph.start) return undefined
  const subflows = { ...graph.subflows, ...changes.subflows }
  const replaced = new Set(Object.values(changes.subflows))
  const changed = new Map(changes.nodes.map((node) => [node.id, node]))
  const kept: GraphNode[] = []
  for (const node of graph.nodes) {
    const now = changed.get(node.id)
    changed.delete(node.id)
    // A task run gives way to the subflow run that it turns out to stand for.
    if (!replaced.has(node.id) || now) kept.push(now ? { ...now, parents: node.parents } : node)
    else kept.push({ ...changes.nodes.find((each) => changes.subflows[each.id] === node.id)!, parents: node.parents })
  }
  const known = new Set(kept.map((node) => node.id))
  const added = [...changed.values()].filter((node) => !known.has(node.id))
  const numbers = new Map(kept.map((node, number) => [subflows[node.id] ?? node.id, number]))
  added.forEach((node, number) => numbers.set(subflows[node.id] ?? node.id, kept.length + number))
  const nodes = [...kept, ...added.map((node) => ({ ...node, parents: (changes.uses[node.id] ?? []).flatMap((id) => numbers.get(id) ?? []) }))]
  const seen = new Set(graph.events.map((event) => event.id))
  const events = [...graph.events, ...changes.events.filter((event) => !seen.has(event.id))].slice(-MAX_EVENTS)
  return { ...graph, end: changes.end, state_type: changes.state_type, nodes: inOrder(nodes), subflows, events }
}

/** Return nodes in the order in which they started, with edges by their new numbers. */
function inOrder(nodes: GraphNode[]): GraphNode[] {
  const order = nodes.map((_, number) => number).sort((a, b) => (nodes[a]!.start ?? Infinity) - (nodes[b]!.start ?? Infinity) || a - b)
  if (order.every((number, place) => number === place)) return nodes
  const places = new Map(order.map((number, place) => [number, place]))
  return order.map((number) => ({ ...nodes[number]!, parents: nodes[number]!.parents.map((parent) => places.get(parent)!) }))
}
