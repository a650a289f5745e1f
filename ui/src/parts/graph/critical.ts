/** The critical path of a run: the chain of task runs that decided how long it took. */
import type { GraphPage } from '../../api/schema'

/** What begins so soon after what it used waited for that. */
const MAX_GAP_MS = 1000

export interface CriticalPath {
  /** The ids of its nodes, the first to start first. */
  ids: string[]
  /** For how many milliseconds a node of it ran. */
  busy: number
}

/**
 * Return the critical path, from the node that ended last back to one that waited for nothing.
 *
 * Each node waited for the last to end of those whose results it used. Where it used none, or began long after them, it
 * waited for something else, as its call by the program or a free thread: for the last node that had ended before it.
 */
export function findCriticalPath(graph: GraphPage): CriticalPath {
  const { nodes } = graph
  const ended = nodes.map((_, number) => number).filter((number) => nodes[number]!.start !== null && nodes[number]!.end !== null)
  ended.sort((a, b) => nodes[a]!.end! - nodes[b]!.end!)
  const found = new Set<number>()
  let at = ended.at(-1)
  while (at !== undefined) {
    found.add(at)
    at = findAwaited(graph, ended, at, found)
  }
  const path = [...found].reverse()
  const busy = path.reduce((sum, number) => sum + nodes[number]!.end! - nodes[number]!.start!, 0)
  return { ids: path.map((number) => nodes[number]!.id), busy }
}

function findAwaited({ nodes }: GraphPage, ended: number[], number: number, found: Set<number>): number | undefined {
  const start = nodes[number]!.start!
  const used = nodes[number]!.parents.filter((parent) => nodes[parent]!.end !== null && nodes[parent]!.start !== null && !found.has(parent))
  const last = used.length ? used.reduce((last, parent) => (nodes[parent]!.end! > nodes[last]!.end! ? parent : last)) : undefined
  if (last !== undefined && start - nodes[last]!.end! < MAX_GAP_MS) return last
  let [low, high] = [0, ended.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (nodes[ended[middle]!]!.end! <= start) low = middle + 1
    else high = middle
  }
  // One that took no time ended before it started, as it were.
  while (low > 0 && found.has(ended[low - 1]!)) low -= 1
  return ended[low - 1]
}
