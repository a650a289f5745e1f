import { expect, test } from 'vitest'
import type { CalendarEntry } from '../../../api/schema'
import { placeEntries } from './days'

const entry = (name: string, times: string[], is_cut = false): CalendarEntry => ({ flow: { id: 'f', name: 'etl' }, deployment: { id: name, name }, name: null, schedule: null, is_cut, times: times.map((at) => ({ at, run: null })) })
const since = Date.parse('2026-03-27T23:00:00Z')

test('times are on their day of the zone, also where a day has 23 hours', () => {
  // In Berlin clocks go forward on 29 March.
  const days = placeEntries([entry('prod', ['2026-03-28T22:30:00Z', '2026-03-29T21:30:00Z', '2026-03-29T22:30:00Z'])], since, 3, 'Europe/Berlin')
  expect(days.map((day) => new Date(day.at).toISOString())).toEqual(['2026-03-27T23:00:00.000Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'])
  expect(days.map((day) => day.lines.length)).toEqual([1, 1, 1])
})

test('many times of a schedule on a day are one line, in the order of the first', () => {
  const hours = Array.from({ length: 6 }, (_, n) => `2026-03-28T0${n + 1}:00:00Z`)
  const [day] = placeEntries([entry('busy', hours, true), entry('early', ['2026-03-28T00:10:00Z'])], since, 1, 'utc')
  expect(day!.lines.map((line) => [line.entry.deployment!.name, line.count, line.goesOn])).toEqual([['early', 1, false], ['busy', 6, true]])
})
