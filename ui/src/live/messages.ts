/** The messages of the stream of changes. */
import type { GraphChanges } from '../parts/graph/changes'
import type { RunChanges } from './changes'

/** What the server says: that one is connected, that something changed, which flow runs did, what of a graph, or that a run logged something. */
export type Message = { kind: 'hello' } | { kind: 'change'; pushed: boolean } | { kind: 'runs'; changes: RunChanges } | { kind: 'graph'; changes: GraphChanges } | { kind: 'logs' }

/** Return what a server-sent event says; nothing for one that only says that the server is there. */
export function parseMessage(text: string): Message | undefined {
  const field = (name: string) => text.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
  const kind = field('event')
  if (kind === 'change') return { kind, pushed: true }
  if (kind === 'hello' || kind === 'logs') return { kind }
  if (kind === 'runs') return { kind, changes: JSON.parse(field('data')!) as RunChanges }
  if (kind === 'graph') return { kind, changes: JSON.parse(field('data')!) as GraphChanges }
  return undefined
}
