import { expect, test } from 'vitest'
import { describeClockChange } from './clock-change'

test.each([
  ['Europe/Berlin', '2026-11-30T12:00:00Z', 'Clocks in Europe/Berlin go forward on 28 March 2027: from 02:00 to 03:00 there is no time.'],
  ['Europe/Berlin', '2026-06-01T12:00:00Z', 'Clocks in Europe/Berlin go back on 25 October 2026: from 02:00 to 03:00 each time comes twice.'],
  ['America/New_York', '2026-06-01T12:00:00Z', 'Clocks in America/New_York go back on 1 November 2026: from 01:00 to 02:00 each time comes twice.'],
  ['UTC', '2026-06-01T12:00:00Z', ''],
  ['Asia/Tokyo', '2026-06-01T12:00:00Z', ''],
])('in %s after %s', (zone, now, words) => {
  expect(describeClockChange(zone, Date.parse(now))).toBe(words)
})
