/** Draw the head of a drawing by time, and marks. */
import { formatDuration } from '../../time/format'
import { chooseStep } from '../runs/chart'
import type { GraphInk, Picture, View } from './draw'
import { AXIS, timeToX, xToTime, type TimeScale } from './layout'
import { BAND, type PlacedMark } from './marks'

interface Tick {
  at: number
  x: number
}

function ticks(scale: TimeScale, view: View): Tick[] {
  const [from, until] = [xToTime(scale, view.left), xToTime(scale, view.left + view.width)]
  const span = until - from
  // Durations are written in whole milliseconds.
  const step = span < 4000 ? Math.max(1, niceStep(span / 8)) : chooseStep(span, view.width / 110)
  const found = []
  for (let at = Math.max(0, Math.ceil(from / step) * step); at <= until; at += step) found.push({ at, x: timeToX(scale, at) - view.left })
  return found
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 0.001)))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) as number
}

export function drawGrid(context: CanvasRenderingContext2D, scale: TimeScale, view: View, ink: GraphInk, top: number) {
  context.strokeStyle = ink.line
  context.lineWidth = 1
  for (const { x } of ticks(scale, view)) {
    context.beginPath()
    context.moveTo(Math.round(x) + 0.5, top)
    context.lineTo(Math.round(x) + 0.5, view.height)
    context.stroke()
  }
}

export function drawAxis(context: CanvasRenderingContext2D, scale: TimeScale, view: View, ink: GraphInk, picture: Picture) {
  const { head, durations } = picture
  context.fillStyle = ink.surface
  context.fillRect(0, 0, view.width, head.height)
  context.fillStyle = ink.faint
  context.textAlign = 'left'
  const name = (at: number) => (at === 0 ? (durations ? '0' : 'start') : `${durations ? '' : '+'}${formatDuration(at / 1000).replace(/m 00s$/, 'm').replace('.0 s', ' s')}`)
  for (const { at, x } of ticks(scale, view)) {
    // What would be cut at the edge is left out.
    if (x + 4 + context.measureText(name(at)).width <= view.width) context.fillText(name(at), x + 4, AXIS / 2)
  }
  if (head.band) drawBand(context, scale, view, ink, picture)
  context.strokeStyle = ink.line
  context.beginPath()
  context.moveTo(0, head.height - 0.5)
  context.lineTo(view.width, head.height - 0.5)
  context.stroke()
}

/** Draw the states of the flow run over time; what it waited before its start is hatched, as short as the margin. */
function drawBand(context: CanvasRenderingContext2D, scale: TimeScale, view: View, ink: GraphInk, { spans }: Picture) {
  for (const span of spans) {
    if (span.until <= 0 && span.from < 0) continue
    const x = timeToX(scale, Math.max(0, span.from)) - view.left
    context.fillStyle = ink.states[span.type] ?? ink.faint
    context.fillRect(x, AXIS, Math.max(timeToX(scale, span.until) - view.left - x, 2), BAND - 3)
  }
  const waited = spans.filter((span) => span.from < 0).at(-1)
  if (!waited) return
  const end = scale.left - view.left
  context.strokeStyle = ink.states[waited.type] ?? ink.faint
  context.lineWidth = 1.5
  for (let x = end - scale.left + 3; x < end - 3; x += 4) {
    context.beginPath()
    context.moveTo(x, AXIS + BAND - 3)
    context.lineTo(x + 4, AXIS)
    context.stroke()
  }
}

export function drawMarks(context: CanvasRenderingContext2D, placed: PlacedMark[], view: View, ink: GraphInk) {
  context.textAlign = 'center'
  for (const mark of placed) {
    const [x, y] = [mark.x - view.left, mark.head ? mark.y : mark.y - view.top]
    if (x < -10 || x > view.width + 10 || y < -10 || y > view.height + 10) continue
    context.fillStyle = mark.marks[0]!.kind === 'artifact' ? ink.accent : ink.ink
    context.strokeStyle = ink.surface
    context.lineWidth = 1.5
    context.beginPath()
    if (mark.marks[0]!.kind === 'artifact') {
      context.moveTo(x, y - 6)
      context.lineTo(x + 6, y)
      context.lineTo(x, y + 6)
      context.lineTo(x - 6, y)
      context.closePath()
    } else context.arc(x, y, mark.marks.length > 1 ? 7 : 4.5, 0, 2 * Math.PI)
    context.fill()
    context.stroke()
    if (mark.marks.length < 2) continue
    context.fillStyle = ink.surface
    context.save()
    context.font = ink.font.replace('12px', '9px')
    context.fillText(mark.marks.length > 99 ? '…' : String(mark.marks.length), x, y + 0.5)
    context.restore()
  }
}
