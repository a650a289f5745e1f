/** The newest events of a filter, and how many there were over time. */
import { get, send, type ApiError } from '../../api/client'
import { serverTime } from '../../api/server'
import type { EventCount, EventPage, ReceivedEvent } from '../../api/schema'
import { reloadOnChange } from '../../live/visible'
import { suggest } from './suggestions'

/** How soon after a change new events are shown. */
const PAUSE_MS = 150
/** Counting all of them costs more than reading the newest. */
const COUNT_INTERVAL_MS = 5000
const HOUR_MS = 3600_000

export interface EventChoice {
  filter: Record<string, unknown>
  hours: number
  /** A time range instead of the last hours, in milliseconds. */
  between: [number, number] | undefined
}

/** Return the width of a column for a time: its unit, and how many of it. */
export function chooseUnit(span: number): [string, number] {
  const hours = span / HOUR_MS
  if (hours <= 0.05) return ['second', 5]
  if (hours <= 2) return ['minute', Math.max(1, Math.ceil(hours))]
  if (hours <= 30) return ['minute', hours < 12 ? 10 : 30]
  if (hours <= 200) return ['hour', 4]
  return ['hour', 12]
}

/** Find the names of the events of the last day, or their resources, and the groups that have several of them. */
export async function findSuggestions(what: 'event' | 'resource') {
  const filter = { occurred: { since: new Date(serverTime() - 24 * HOUR_MS).toISOString() } }
  return suggest(await send<EventCount[]>('POST', `/events/count-by/${what}`, { filter }))
}

export class EventFeed {
  page = $state.raw<EventPage | undefined>()
  buckets = $state.raw<EventCount[]>([])
  error = $state.raw<ApiError | undefined>()
  private more = $state.raw<ReceivedEvent[]>([])
  next = $state('')
  readonly events = $derived([...(this.page?.events ?? []), ...this.more.filter((event) => !this.page?.events.some((each) => each.id === event.id))])
  private countedAt = 0

  constructor(private choice: () => EventChoice, paused: () => boolean) {
    $effect(() => {
      void this.choice()
      this.more = []
      this.countedAt = 0
      void this.load()
    })
    $effect(() => {
      if (paused() || this.choice().between) return
      return reloadOnChange(() => void this.load(), PAUSE_MS, (message) => message.kind === 'change' || message.kind === 'runs')
    })
  }

  async load() {
    const { filter, hours, between } = this.choice()
    const [since, until] = between ?? [serverTime() - hours * HOUR_MS, undefined]
    const occurred = { since: new Date(since).toISOString(), ...(until ? { until: new Date(until).toISOString() } : {}) }
    try {
      this.page = await send<EventPage>('POST', '/events/filter', { filter: { ...filter, occurred, order: 'DESC' }, limit: 50 })
      if (!this.more.length) this.next = this.page.next_page ?? ''
      this.error = undefined
      if (Date.now() < this.countedAt + COUNT_INTERVAL_MS) return
      this.countedAt = Date.now()
      const [unit, interval] = chooseUnit((until ?? serverTime()) - since)
      this.buckets = await send<EventCount[]>('POST', '/events/count-by/time', { filter: { ...filter, occurred }, time_unit: unit, time_interval: interval })
    } catch (caught) {
      this.error = caught as ApiError
    }
  }

  async older() {
    const { pathname, search } = new URL(this.next)
    const part = await get<EventPage>(pathname.replace(/^.*\/events/, '/events') + search)
    this.more = [...this.more, ...part.events]
    this.next = part.next_page ?? ''
  }
}
