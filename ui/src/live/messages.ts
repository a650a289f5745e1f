/** The messages of the stream of changes. */
import type { RunChanges } from './changes'

/** What the server says: that something changed, which flow runs did, or that a run logged something. */
export type Message = { kind: 'change'; pushed: boolean } | { kind: 'runs'; changes: RunChanges } | { kind: 'logs' }

/** Return what a server-sent event says; nothing for one that only says that the server is there. */
export function parseMessage(text: string): Message | undefined {
  const field = (name: string) => text.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
  const kind = field('event')
  if (kind === 'change') return { kind, pushed: true }
  if (kind === 'logs') return { kind }
  if (kind === 'runs') return { kind, changes: JSON.parse(field('data')!) as RunChanges }
  return undefined
}
