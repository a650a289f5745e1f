/** What the status of a pool or a queue means, in words. */
import type { WorkerFacts } from '../../api/schema'

interface Pool {
  status: string | null
  type: string
  workers: number
  workers_online: number
}

export function explainPool(pool: Pool): string {
  if (pool.status === 'PAUSED') return 'Paused: its runs wait'
  if (pool.status === 'READY') return 'Ready'
  if (pool.workers === 0) return 'Not ready: no worker has joined it'
  if (pool.workers_online === 0) return 'Not ready: all its workers are offline'
  return 'Not ready'
}

interface Queues {
  queues: number
  queues_not_polled: number
  queues_paused: number
}

/** Say how many queues a pool has, and how many of them are not polled or paused. */
export function describeQueues(pool: Queues): string {
  const others = [pool.queues_not_polled && `${pool.queues_not_polled} not polled`, pool.queues_paused && `${pool.queues_paused} paused`].filter(Boolean)
  return `${pool.queues}${others.length ? ` (${others.join(', ')})` : ''}`
}

/** Say which versions a worker runs; workers of the original only send those of their integrations. */
export function describeVersions({ version, python, integrations }: WorkerFacts): string {
  const own = [version && `Pluperfect ${version}`, python && `Python ${python}`].filter(Boolean)
  return own.join(', ') || (integrations ?? []).map((each) => `${each.name} ${each.version}`).join(', ')
}

interface Queue {
  status: string | null
  is_paused: boolean
  last_polled: string | null
}

export function explainQueue(queue: Queue): string {
  if (queue.is_paused) return 'Paused: its runs wait'
  if (queue.status === 'READY') return 'Ready'
  return queue.last_polled ? 'Not ready: no worker has polled it lately' : 'Not ready: no worker has polled it yet'
}
