/** Times and durations as people read them. */

/** `local`, `utc`, or the name of a zone, as `Asia/Tokyo`. */
export type Zone = string

let twelveHours = false

/** Choose how hours are written, for all that is formatted later. */
export function useTwelveHours(on: boolean) {
  if (on !== twelveHours) formatters.clear()
  twelveHours = on
}

/** Return a duration with sense: `240 ms`, `3.2 s`, `1m 46s`, `1h 02m`, `3d 4h`; never `0 seconds`. */
export function formatDuration(seconds: number): string {
  if (seconds < 0) return `-${formatDuration(-seconds)}`
  if (seconds === 0) return '0 s'
  if (seconds < 0.001) return '<1 ms'
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`
  if (seconds < 60) return `${Math.floor(seconds)} s`
  const whole = Math.floor(seconds)
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60]
  const two = (number: number) => String(number).padStart(2, '0')
  if (days > 0) return `${days}d ${hours}h`
  if (hours > 0) return `${hours}h ${two(minutes)}m`
  return `${minutes}m ${two(whole % 60)}s`
}

/** Return a round duration as a label of an axis: `10 ms`, `1 s`, `10 m`. */
export function formatDurationTick(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} m`
  return `${Math.round(seconds / 3600)} h`
}

/** Return how far a time is from now: `in 5m`, `3h ago`, `just now`. */
export function formatRelative(at: number, now: number): string {
  const seconds = (now - at) / 1000
  const distance = Math.abs(seconds)
  if (distance < 5) return seconds >= 0 ? 'just now' : 'now'
  const units: [number, string][] = [
    [86400 * 365, 'y'],
    [86400 * 30, 'mo'],
    [86400, 'd'],
    [3600, 'h'],
    [60, 'm'],
    [1, 's'],
  ]
  const [size, unit] = units.find(([size]) => distance >= size) ?? [1, 's']
  const text = `${Math.floor(distance / size)}${unit}`
  return seconds >= 0 ? `${text} ago` : `in ${text}`
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function formatter(zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options)
  let found = formatters.get(key)
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', { ...options, hour12: twelveHours, ...(zone === 'local' ? {} : { timeZone: zone === 'utc' ? 'UTC' : zone }) })
    formatters.set(key, found)
  }
  return found
}

const TIME: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit' }

/** Return a time as `29 Nov, 19:04:07`; with its year when that is not the current one. */
export function formatTime(at: number, zone: Zone, now: number): string {
  const date = new Date(at)
  const sameYear = date.getUTCFullYear() === new Date(now).getUTCFullYear()
  const options: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', ...TIME }
  if (!sameYear) options.year = 'numeric'
  return formatter(zone, options).format(date)
}

/** Return a time of day with milliseconds, for logs. */
export function formatClock(at: number, zone: Zone): string {
  return formatter(zone, { ...TIME, fractionalSecondDigits: 3 }).format(new Date(at))
}

export function formatDay(at: number, zone: Zone): string {
  return formatter(zone, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }).format(new Date(at))
}

/** Return a label of a chart's time axis, as exact as the distance of two labels needs. */
export function formatTick(at: number, stepMs: number, zone: Zone): string {
  if (stepMs >= 86_400_000) return formatter(zone, { day: 'numeric', month: 'short' }).format(new Date(at))
  if (stepMs >= 60_000) return formatter(zone, { hour: '2-digit', minute: '2-digit' }).format(new Date(at))
  return stepMs >= 1000 ? formatter(zone, TIME).format(new Date(at)) : formatClock(at, zone)
}

/** Return a count as `1,234`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** Return a share as `66.7%`; `0%` and `100%` only where it is none, or all. */
export function formatShare(share: number): string {
  const rounded = Math.round(share * 1000) / 10
  return `${share > 0 && share < 1 ? Math.min(99.9, Math.max(0.1, rounded)) : rounded}%`
}

/** Return when the day of a time begins in a zone, in milliseconds. */
export function startOfDay(at: number, zone: Zone): number {
  const passed = readClock(at, zone)
  const begin = at - passed
  // Where the clocks change on the day, what has passed is an hour more or less than the clock says.
  const off = readClock(begin, zone)
  return off > 43_200_000 ? begin + 86_400_000 - off : begin - off
}

/** Return what a clock of the zone shows, in milliseconds after midnight. */
function readClock(at: number, zone: Zone): number {
  const text = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', ...(zone === 'local' ? {} : { timeZone: zone === 'utc' ? 'UTC' : zone }) }).format(new Date(at))
  const [hours, minutes, seconds] = text.split(':').map(Number) as [number, number, number]
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + (at % 1000)
}

/** Return a size as people read it: `920 B`, `4.2 KB`, `12 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const [size, unit] = bytes < 1_000_000 ? [bytes / 1000, 'KB'] : [bytes / 1_000_000, 'MB']
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`
}

/** Return a time as a field for one has it, in the browser's zone; nothing for one that is not valid. */
export function toLocalInput(at: Date): string {
  return Number.isNaN(at.getTime()) ? '' : new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
