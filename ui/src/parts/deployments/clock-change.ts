/** When clocks in a zone change, for schedules there. */

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** Return by how many minutes a zone is ahead of UTC at the beginning of a minute. */
function offsetOf(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone: zone, year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', hourCycle: 'h23' }).formatToParts(at)
  const part = (name: string) => Number(parts.find(({ type }) => type === name)?.value)
  return (Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute')) - at) / MINUTE_MS
}

/** Say when the clocks in a zone change next within a year, and which hour is left out or comes twice; nothing if they do not. */
export function describeClockChange(zone: string, now: number): string {
  const start = Math.floor(now / MINUTE_MS) * MINUTE_MS
  const offset = offsetOf(zone, start)
  let [before, after] = [start, start]
  while (offsetOf(zone, after) === offset) {
    ;[before, after] = [after, after + DAY_MS]
    if (after > start + 366 * DAY_MS) return ''
  }
  while (after - before > MINUTE_MS) {
    const middle = before + Math.floor((after - before) / MINUTE_MS / 2) * MINUTE_MS
    if (offsetOf(zone, middle) === offset) before = middle
    else after = middle
  }
  const gained = offsetOf(zone, after) - offset
  const show = (minutes: number) => new Date(after + minutes * MINUTE_MS).toISOString().slice(11, 16)
  const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' }).format(after + offset * MINUTE_MS)
  if (gained > 0) return `Clocks in ${zone} go forward on ${day}: from ${show(offset)} to ${show(offset + gained)} there is no time.`
  return `Clocks in ${zone} go back on ${day}: from ${show(offset + gained)} to ${show(offset)} each time comes twice.`
}
