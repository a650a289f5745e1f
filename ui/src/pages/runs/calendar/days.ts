/** What the calendar shows on each day. */
import type { CalendarEntry } from '../../../api/schema'
import { startOfDay, type Zone } from '../../../time/format'

export interface DayLine {
  key: string
  entry: CalendarEntry
  /** Milliseconds. */
  first: number
  last: number
  count: number
  /** The run, if there is one and it is the only one of the line. */
  run: string | null
  /** Whether there are more on this day than were computed. */
  goesOn: boolean
}

/** Times of a schedule on one day that are shown each; more are one line. */
const MAX_SINGLE = 3

/** Return the days from a time on, by when they begin, with what begins on each in order. */
export function placeEntries(entries: CalendarEntry[], since: number, days: number, zone: Zone): { at: number; lines: DayLine[] }[] {
  // Noon of a day, so that a day of 23 or 25 hours does not move those after it.
  const found = Array.from({ length: days }, (_, n) => ({ at: startOfDay(since + (n + 0.5) * 86_400_000, zone), lines: [] as DayLine[] }))
  for (const [number, entry] of entries.entries()) {
    for (const [n, day] of found.entries()) {
      const end = found[n + 1]?.at ?? Infinity
      const times = entry.times.filter((time) => Date.parse(time.at) >= day.at && Date.parse(time.at) < end)
      if (times.length) day.lines.push(...makeLines(entry, `${number}`, times, entry.is_cut && times.at(-1) === entry.times.at(-1)))
    }
  }
  for (const day of found) day.lines.sort((a, b) => a.first - b.first)
  return found
}

function makeLines(entry: CalendarEntry, key: string, times: CalendarEntry['times'], goesOn: boolean): DayLine[] {
  const groups = times.length > MAX_SINGLE ? [times] : times.map((time) => [time])
  return groups.map((group) => {
    const [first, last] = [group[0]!, group.at(-1)!]
    return { key: `${key} ${first.at}`, entry, first: Date.parse(first.at), last: Date.parse(last.at), count: group.length, run: group.length === 1 ? (first.run ?? null) : null, goesOn }
  })
}
