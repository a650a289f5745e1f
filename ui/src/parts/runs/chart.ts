/** Runs over time on a canvas: a point each, or a grid of counts where they are many. */
import type { Chart } from '../../api/schema'
import { formatDuration, formatDurationTick, formatTick, type Zone } from '../../time/format'

export interface Place {
  left: number
  top: number
  width: number
  height: number
}

export interface Hit {
  x: number
  y: number
  label: string
  id?: string
}

const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000].map((s) => s * 1000)

/** Return the distance of the labels of a time axis of some milliseconds. */
export function chooseStep(span: number, labels: number): number {
  return STEPS_MS.find((step) => span / step <= labels) ?? 2592000_000 * Math.ceil(span / labels / 2592000_000)
}

export class ChartScale {
  readonly since: number
  readonly until: number
  readonly low: number
  readonly high: number

  constructor(
    readonly chart: Chart,
    readonly place: Place,
  ) {
    this.since = new Date(chart.since).getTime()
    this.until = Math.max(new Date(chart.until).getTime(), this.since + 1000)
    const seconds = chart.cells
      ? chart.cells.map(([, row]) => chart.rows[row] ?? (chart.rows.at(-1) as number) * 4)
      : chart.points.map(([, duration]) => duration)
    this.low = Math.log10(Math.max(0.005, Math.min(...seconds, 1) / 2))
    this.high = Math.log10(Math.max(2, Math.max(...seconds) * 1.3))
  }

  x(at: number): number {
    return this.place.left + ((at - this.since) / (this.until - this.since)) * this.place.width
  }

  time(x: number): number {
    return this.since + ((x - this.place.left) / this.place.width) * (this.until - this.since)
  }

  y(seconds: number): number {
    const part = (Math.log10(Math.max(seconds, 0.005)) - this.low) / (this.high - this.low)
    return this.place.top + this.place.height * (1 - Math.min(Math.max(part, 0), 1))
  }
}

export interface Ink {
  line: string
  text: string
  states: Record<string, string>
  font: string
}

export function drawChart(context: CanvasRenderingContext2D, scale: ChartScale, ink: Ink, zone: Zone) {
  drawAxes(context, scale, ink, zone)
  if (scale.chart.cells) drawCells(context, scale, ink)
  else drawPoints(context, scale, ink)
}

function drawAxes(context: CanvasRenderingContext2D, scale: ChartScale, ink: Ink, zone: Zone) {
  const { place } = scale
  context.font = ink.font
  context.strokeStyle = ink.line
  context.fillStyle = ink.text
  context.lineWidth = 1
  context.textAlign = 'right'
  context.textBaseline = 'middle'
  let above = Infinity
  for (const seconds of [0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 360000]) {
    const exponent = Math.log10(seconds)
    if (exponent < scale.low || exponent > scale.high) continue
    const y = Math.round(scale.y(seconds)) + 0.5
    if (above - y < 16) continue
    above = y
    line(context, place.left, y, place.left + place.width, y)
    context.fillText(formatDurationTick(seconds), place.left - 7, y)
  }
  context.textAlign = 'center'
  context.textBaseline = 'top'
  const step = chooseStep(scale.until - scale.since, place.width / 95)
  const offset = zone === 'local' ? new Date(scale.since).getTimezoneOffset() * 60_000 : 0
  for (let at = Math.ceil((scale.since - offset) / step) * step + offset; at <= scale.until; at += step) {
    const x = Math.round(scale.x(at)) + 0.5
    line(context, x, place.top + place.height, x, place.top + place.height + 4)
    if (x > place.left + 12 && x < place.left + place.width - 12) {
      context.fillText(formatTick(at, step, zone), x, place.top + place.height + 6)
    }
  }
  line(context, place.left, place.top + place.height + 0.5, place.left + place.width, place.top + place.height + 0.5)
}

function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number) {
  context.beginPath()
  context.moveTo(x1, y1)
  context.lineTo(x2, y2)
  context.stroke()
}

function drawPoints(context: CanvasRenderingContext2D, scale: ChartScale, ink: Ink) {
  const radius = scale.chart.points.length > 400 ? 2.6 : 3.6
  context.globalAlpha = 0.72
  for (const [offset, duration, type] of scale.chart.points) {
    context.fillStyle = ink.states[type] ?? ink.text
    context.beginPath()
    context.arc(scale.x(scale.since + offset), scale.y(duration), radius, 0, 7)
    context.fill()
  }
  context.globalAlpha = 1
}

/** What went wrong is drawn last, so that what went well does not hide it. */
const ORDER = ['COMPLETED', 'CANCELLED', 'SCHEDULED', 'PENDING', 'PAUSED', 'CANCELLING', 'RUNNING', 'CRASHED', 'FAILED']

function drawCells(context: CanvasRenderingContext2D, scale: ChartScale, ink: Ink) {
  const cells = gatherCells(scale)
  const most = Math.max(...cells.map((cell) => cell.total), 1)
  for (const cell of cells) {
    let x = cell.x
    // A cell is as strong as it has runs, and divided by their states.
    context.globalAlpha = 0.3 + 0.7 * Math.sqrt(cell.total / most)
    for (const type of ORDER) {
      const count = cell.counts[type]
      if (!count) continue
      const width = Math.max((cell.width * count) / cell.total, 1.5)
      context.fillStyle = ink.states[type] ?? ink.text
      context.fillRect(x, cell.y, width, cell.height)
      x += width
    }
  }
  context.globalAlpha = 1
}

interface Cell {
  x: number
  y: number
  width: number
  height: number
  total: number
  counts: Record<string, number>
}

export function gatherCells(scale: ChartScale): Cell[] {
  const { chart } = scale
  const cells = new Map<string, Cell>()
  const width = scale.place.width / chart.columns
  for (const [column, row, type, count] of chart.cells ?? []) {
    const key = `${column}/${row}`
    let cell = cells.get(key)
    if (!cell) {
      const top = chart.rows[row] ?? (chart.rows.at(-1) as number) * 10
      const bottom = row > 0 ? (chart.rows[row - 1] as number) : top / 3
      const y = scale.y(top)
      cell = { x: scale.place.left + column * width + 0.5, y: y + 0.5, width: width - 1, height: Math.max(scale.y(bottom) - y - 1, 3), total: 0, counts: {} }
      cells.set(key, cell)
    }
    cell.total += count
    cell.counts[type] = (cell.counts[type] ?? 0) + count
  }
  return [...cells.values()]
}

/** Return what is drawn at a place, or undefined. */
export function findHit(scale: ChartScale, x: number, y: number): Hit | undefined {
  if (scale.chart.cells) {
    const cell = gatherCells(scale).find((each) => x >= each.x && x <= each.x + each.width && y >= each.y && y <= each.y + each.height)
    if (!cell) return undefined
    const parts = Object.entries(cell.counts).map(([type, count]) => `${count} ${type.toLowerCase()}`)
    return { x: cell.x + cell.width / 2, y: cell.y, label: parts.join(', ') }
  }
  let best: Hit | undefined
  let nearest = 9 * 9
  for (const [offset, duration, type, id, name] of scale.chart.points) {
    const [px, py] = [scale.x(scale.since + offset), scale.y(duration)]
    const distance = (px - x) ** 2 + (py - y) ** 2
    if (distance < nearest) {
      nearest = distance
      best = { x: px, y: py, label: `${name} · ${type.toLowerCase()} · ${formatDuration(duration)}`, id }
    }
  }
  return best
}
