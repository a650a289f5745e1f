/** Draw the part of a graph that is in sight on a canvas. */
import { formatDuration } from '../../time/format'
import { drawAxis, drawGrid, drawMarks } from './draw-marks'
import { labelWidth, timeToX, type Box, type Layout, type TimeScale } from './layout'
import type { Head, PlacedMark, StateSpan } from './marks'
import { describeUnit, type Unit } from './units'

export interface GraphInk {
  ink: string
  faint: string
  line: string
  arrow: string
  surface: string
  accent: string
  states: Record<string, string>
  font: string
}

export interface View {
  left: number
  top: number
  width: number
  height: number
}

export interface Picture {
  units: Unit[]
  layout: Layout
  view: View
  ink: GraphInk
  selected: number
  hovered: number
  scale?: TimeScale
  head: Head
  /** Numbers of the units on the critical path. */
  path: Set<number>
  arrows: boolean
  /** Whether what is drawn begins at zero, whenever it began. */
  durations: boolean
  /** Whether other bars follow in a row, so that a label has only so much place. */
  compact: boolean
  spans: StateSpan[]
  marks: PlacedMark[]
}

/** Most arrows that are drawn at once by time; of more, those of the chosen unit are. */
const MAX_ARROWS = 300

export function drawTimeline(context: CanvasRenderingContext2D, picture: Picture) {
  const { units, layout, view, ink, selected, hovered } = picture
  const scale = picture.scale as TimeScale
  context.font = ink.font
  context.textBaseline = 'middle'
  drawGrid(context, scale, view, ink, picture.head.height)
  const related = relatives(units, selected)
  const few = picture.arrows && countEdges(units) <= MAX_ARROWS
  if (selected >= 0 || few) drawEdges(context, picture, (child, parent) => (few && selected < 0) || child === selected || parent === selected)
  inSight(layout.boxes, view, (box, number) => {
    const unit = units[number]!
    context.globalAlpha = selected < 0 || related.has(number) ? 1 : 0.38
    if (number === hovered) {
      context.fillStyle = ink.line
      context.globalAlpha *= 0.5
      context.fillRect(0, box.y - 3 - view.top, view.width, box.height + 6)
      context.globalAlpha = selected < 0 || related.has(number) ? 1 : 0.38
    }
    drawBar(context, picture, unit, box)
    if (picture.path.has(number)) underline(context, box, view, ink)
    if (number === selected) outline(context, box, view, ink)
    if (picture.compact) drawShortLabel(context, unit, box, view, ink)
    else drawLabel(context, unit, box, view, ink, !picture.durations && (unit.node?.attempts.length ?? 0) > 1)
  })
  context.globalAlpha = 1
  drawMarks(context, picture.marks.filter((mark) => !mark.head), view, ink)
  drawAxis(context, scale, view, ink, picture)
  drawMarks(context, picture.marks.filter((mark) => mark.head), view, ink)
}

export function drawGraph(context: CanvasRenderingContext2D, picture: Picture) {
  const { units, layout, view, ink, selected, hovered } = picture
  context.font = ink.font
  context.textBaseline = 'middle'
  const related = relatives(units, selected)
  drawEdges(context, picture, (child, parent) => picture.arrows || child === selected || parent === selected)
  inSight(layout.boxes, view, (box, number) => {
    const unit = units[number]!
    const [x, y] = [box.x - view.left, box.y - view.top]
    const critical = picture.path.has(number)
    context.globalAlpha = selected < 0 || related.has(number) ? 1 : 0.4
    context.fillStyle = ink.surface
    context.strokeStyle = number === hovered || number === selected ? ink.accent : critical ? ink.ink : ink.line
    context.lineWidth = number === selected || critical ? 2 : 1
    context.beginPath()
    context.roundRect(x + 0.5, y + 0.5, box.width, box.height, 6)
    context.fill()
    context.stroke()
    drawShares(context, unit, { x: x + 1, y: y + box.height - 4, width: box.width - 1, height: 4 }, ink)
    context.fillStyle = ink.ink
    context.textAlign = 'left'
    context.fillText(fit(context, prefix(unit) + unit.label, box.width - 14), x + 8, y + box.height / 2 - 1)
  })
  context.globalAlpha = 1
  drawMarks(context, picture.marks, view, ink)
}

function countEdges(units: Unit[]): number {
  return units.reduce((sum, unit) => sum + unit.parents.length, 0)
}

/** How far a label may reach beyond its bar. */
const MAX_LABEL_WIDTH = 600

function inSight(boxes: Box[], view: View, draw: (box: Box, number: number) => void) {
  for (let number = 0; number < boxes.length; number += 1) {
    const box = boxes[number]!
    if (box.y + box.height < view.top || box.y > view.top + view.height) continue
    if (box.x > view.left + view.width + MAX_LABEL_WIDTH || box.x + box.width < view.left - MAX_LABEL_WIDTH) continue
    draw(box, number)
  }
}

function relatives(units: Unit[], selected: number): Set<number> {
  const found = new Set<number>()
  if (selected < 0) return found
  found.add(selected)
  for (const parent of units[selected]?.parents ?? []) found.add(parent)
  units.forEach((unit, number) => unit.parents.includes(selected) && found.add(number))
  return found
}

function drawBar(context: CanvasRenderingContext2D, { view, ink, scale, durations }: Picture, unit: Unit, box: Box) {
  const [x, y] = [box.x - view.left, box.y - view.top]
  if (unit.start === undefined) {
    context.strokeStyle = ink.faint
    context.lineWidth = 1
    context.setLineDash([3, 3])
    context.strokeRect(view.width - 12, y + 4, 8, box.height - 8)
    context.setLineDash([])
    return
  }
  if (unit.kind === 'group') {
    drawShares(context, unit, { x, y, width: box.width, height: box.height }, ink)
    return
  }
  context.fillStyle = ink.states[unit.node?.state_type ?? ''] ?? ink.faint
  const attempts = unit.node?.attempts ?? []
  if (attempts.length > 1 && scale && !durations) {
    attempts.forEach(([from, until], number) => {
      const start = timeToX(scale, from) - view.left
      const width = Math.max(timeToX(scale, until ?? unit.end ?? from) - view.left - start, 2)
      context.fillStyle = number === attempts.length - 1 ? (ink.states[unit.node?.state_type ?? ''] ?? ink.faint) : (ink.states.FAILED as string)
      round(context, start, y, width, box.height)
      if (width > 12) {
        context.fillStyle = '#fff'
        context.textAlign = 'center'
        context.fillText(String(number + 1), start + width / 2, y + box.height / 2 + 0.5)
      }
    })
    return
  }
  round(context, x, y, box.width, box.height)
}

function round(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number) {
  context.beginPath()
  context.roundRect(x, y, width, height, Math.min(4, width / 2))
  context.fill()
}

const ORDER = ['FAILED', 'CRASHED', 'CANCELLED', 'CANCELLING', 'PAUSED', 'PENDING', 'SCHEDULED', 'RUNNING', 'COMPLETED']

/** Draw how many runs are in each state; a single failed one among thousands can be seen. */
function drawShares(context: CanvasRenderingContext2D, unit: Unit, box: Box, ink: GraphInk) {
  const total = unit.members.length
  const types = ORDER.filter((type) => unit.counts[type])
  context.save()
  context.beginPath()
  context.roundRect(box.x, box.y, box.width, box.height, Math.min(4, box.height / 2))
  context.clip()
  let x = box.x
  types.forEach((type, number) => {
    const width = number === types.length - 1 ? box.x + box.width - x : Math.max((box.width * unit.counts[type]!) / total, 3)
    context.fillStyle = ink.states[type] ?? ink.faint
    context.fillRect(x, box.y, width, box.height)
    x += width
  })
  context.restore()
}

function prefix(unit: Unit): string {
  if (unit.kind === 'task') return ''
  return unit.open ? '▾ ' : '▸ '
}

function describeBar(unit: Unit): string {
  const duration = unit.start === undefined ? 'not started' : formatDuration(((unit.end ?? unit.start) - unit.start) / 1000)
  return `${'  '.repeat(unit.indent)}${prefix(unit)}${unit.kind === 'group' ? describeUnit(unit) : unit.label}  ${duration}`
}

function drawShortLabel(context: CanvasRenderingContext2D, unit: Unit, box: Box, view: View, ink: GraphInk) {
  const inside = box.width > labelWidth(unit)
  context.textAlign = 'left'
  context.fillStyle = inside ? '#fff' : ink.ink
  const x = inside ? Math.max(box.x - view.left + 8, 8) : box.x + box.width - view.left + 5
  context.fillText(fit(context, describeBar(unit).trimStart(), (inside ? box.width : labelWidth(unit)) - 10), x, box.y - view.top + box.height / 2 + 0.5)
}

/** @param apart whether the bar is drawn as attempts with gaps, on which nothing can be read. */
function drawLabel(context: CanvasRenderingContext2D, unit: Unit, box: Box, view: View, ink: GraphInk, apart: boolean) {
  const text = describeBar(unit)
  const width = context.measureText(text).width
  const y = box.y - view.top + box.height / 2 + 0.5
  const right = box.x + box.width - view.left + 7
  const inside = box.width > width + 16 && !apart
  if (inside) {
    context.fillStyle = '#fff'
    context.textAlign = 'left'
    context.fillText(text, Math.max(box.x - view.left + 8, 8), y)
  } else if (unit.start !== undefined && right + width < view.width) {
    context.textAlign = 'left'
    writeOverEdges(context, text, Math.max(right, 8), y, ink)
  } else if (unit.start !== undefined && box.x - view.left - 7 < width) {
    // There is no room next to the bar: the label is written on it, as far as it fits.
    const shown = fit(context, text, Math.min(box.width, view.width) - 16)
    const x = Math.max(box.x - view.left + 8, 8)
    context.textAlign = 'left'
    if (apart) return writeOverEdges(context, shown, x, y, ink)
    context.fillStyle = '#fff'
    context.fillText(shown, x, y)
  } else {
    context.textAlign = 'right'
    writeOverEdges(context, text, Math.min(unit.start === undefined ? view.width - 20 : box.x - view.left - 7, view.width - 8), y, ink)
  }
}

/** Write a text that can be read on what it is written over, such as arrows. */
function writeOverEdges(context: CanvasRenderingContext2D, text: string, x: number, y: number, ink: GraphInk) {
  context.strokeStyle = ink.surface
  context.lineWidth = 4
  context.strokeText(text, x, y)
  context.fillStyle = ink.ink
  context.fillText(text, x, y)
}

function outline(context: CanvasRenderingContext2D, box: Box, view: View, ink: GraphInk) {
  context.strokeStyle = ink.ink
  context.lineWidth = 1.5
  context.strokeRect(box.x - view.left - 1.5, box.y - view.top - 1.5, box.width + 3, box.height + 3)
}

function underline(context: CanvasRenderingContext2D, box: Box, view: View, ink: GraphInk) {
  context.fillStyle = ink.ink
  context.fillRect(box.x - view.left, box.y - view.top + box.height + 0.5, box.width, 2)
}

function drawEdges(context: CanvasRenderingContext2D, picture: Picture, wanted: (child: number, parent: number) => boolean) {
  const { units, layout, view, ink, selected } = picture
  context.lineWidth = 1.2
  units.forEach((unit, child) => {
    for (const parent of unit.parents) {
      if (!wanted(child, parent)) continue
      const [from, to] = [layout.boxes[parent]!, layout.boxes[child]!]
      const [x1, y1] = [from.x + from.width - view.left, from.y + from.height / 2 - view.top]
      const [x2, y2] = [to.x - view.left, to.y + to.height / 2 - view.top]
      if ((y1 < -50 && y2 < -50) || (y1 > view.height + 50 && y2 > view.height + 50)) continue
      if (Math.max(x1, x2) < -50 || Math.min(x1, x2) > view.width + 50) continue
      context.strokeStyle = child === selected || parent === selected ? ink.accent : ink.arrow
      const bend = Math.max(18, Math.abs(x2 - x1) / 2)
      context.beginPath()
      context.moveTo(x1, y1)
      context.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2 - 4, y2)
      context.stroke()
      drawArrowHead(context, x2, y2)
    }
  })
}

function drawArrowHead(context: CanvasRenderingContext2D, x: number, y: number) {
  context.fillStyle = context.strokeStyle
  context.beginPath()
  context.moveTo(x, y)
  context.lineTo(x - 6, y - 3.5)
  context.lineTo(x - 6, y + 3.5)
  context.fill()
}

function fit(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text
  let [low, high] = [0, text.length]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle
    else high = middle - 1
  }
  return `${text.slice(0, low)}…`
}
