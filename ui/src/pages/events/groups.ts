/** Events of the same flow run, which are shown together. */
import type { ReceivedEvent } from '../../api/schema'

export interface EventGroup {
  key: string
  /** The flow run that the events are about; none for an event that stands alone. */
  run: Record<string, string> | undefined
  /** Newest first. */
  events: ReceivedEvent[]
}

const FLOW_RUN = 'prefect.flow-run.'

/** Return the flow run that an event is about: its resource, or the one that it is related to. */
export function findRun(event: ReceivedEvent): Record<string, string> | undefined {
  return [event.resource, ...(event.related ?? [])].find((each) => each['prefect.resource.id']?.startsWith(FLOW_RUN))
}

/** Return events, newest first, with those of a flow run in one group, which stands where its newest event is. */
export function groupByRun(events: ReceivedEvent[]): EventGroup[] {
  const groups = new Map<string, EventGroup>()
  for (const event of events) {
    const run = findRun(event)
    const key = run?.['prefect.resource.id'] ?? event.id
    const group = groups.get(key)
    if (group) {
      group.events.push(event)
      if (run?.['prefect.resource.name']) group.run = run
    } else groups.set(key, { key, run, events: [event] })
  }
  return [...groups.values()]
}

const HEARTBEAT = `${FLOW_RUN}heartbeat`

/** Return what happened in a group in words: the states of the run in order, and how many other events there are. */
export function summarize(group: EventGroup): string {
  const own = group.events.filter((event) => event.resource['prefect.resource.id'] === group.key && event.event.startsWith(FLOW_RUN))
  const states = own.filter((event) => event.event !== HEARTBEAT).map((event) => event.event.slice(FLOW_RUN.length))
  const others = group.events.length - own.length
  const tasks = group.events.filter((event) => event.event.startsWith('prefect.task-run.')).length
  const rest = others - tasks
  const count = (number: number, words: string) => (number ? `${number} ${words}${number === 1 ? '' : 's'}` : '')
  return [states.reverse().join(' → '), count(own.length - states.length, 'heartbeat'), count(tasks, 'task run event'), count(rest, 'other event')].filter(Boolean).join(' · ')
}
