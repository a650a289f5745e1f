/** Where each unit is drawn: by time or duration in rows, or as boxes by dependency or in sequence. */
import type { Unit } from './units'

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export interface Layout {
  boxes: Box[]
  width: number
  height: number
}

export const ROW = 24
export const AXIS = 24
const MIN_BAR = 3

export interface TimeScale {
  from: number
  until: number
  left: number
  width: number
}

export function timeToX(scale: TimeScale, at: number): number {
  return scale.left + ((at - scale.from) / (scale.until - scale.from)) * scale.width
}

export function xToTime(scale: TimeScale, x: number): number {
  return scale.from + ((x - scale.left) / scale.width) * (scale.until - scale.from)
}

/** Return where units are drawn by time, a row each. */
export function layoutTimeline(units: Unit[], scale: TimeScale, head = AXIS): Layout {
  const boxes = units.map((unit, row) => ({ ...placeBar(unit, scale), y: head + row * ROW + 3, height: ROW - 6 }))
  return { boxes, width: scale.left + scale.width, height: head + units.length * ROW + 8 }
}

function placeBar(unit: Unit, scale: TimeScale): { x: number; width: number } {
  const start = unit.start ?? scale.until
  const x = timeToX(scale, start)
  return { x, width: Math.max(timeToX(scale, unit.end ?? start) - x, MIN_BAR) }
}

const LETTER = 6.6
const MAX_LABEL = 190

/** Return how much place is kept for the label of a bar where others follow it. */
export function labelWidth(unit: Unit): number {
  return Math.min(MAX_LABEL, (unit.label.length + 11) * LETTER)
}

/** Return where units are drawn by time in as few rows as hold them, each near what it used. */
export function layoutCompact(units: Unit[], scale: TimeScale, head = AXIS): Layout {
  const ends: number[] = []
  const rows: number[] = []
  const boxes = units.map((unit, number) => {
    const bar = placeBar(unit, scale)
    const label = labelWidth(unit)
    const parent = unit.parents.filter((each) => each < number).at(-1)
    const row = nearestFreeRow(ends, bar.x, parent === undefined ? 0 : rows[parent]!)
    ends[row] = bar.x + (bar.width > label ? bar.width : bar.width + label) + 6
    rows[number] = row
    return { ...bar, y: head + row * ROW + 3, height: ROW - 6 }
  })
  return { boxes, width: scale.left + scale.width, height: head + ends.length * ROW + 8 }
}

function nearestFreeRow(ends: number[], x: number, wanted: number): number {
  for (let away = 0; away <= ends.length; away += 1) {
    if (wanted + away < ends.length && ends[wanted + away]! <= x) return wanted + away
    if (wanted - away >= 0 && ends[wanted - away]! <= x) return wanted - away
  }
  return ends.length
}

/** Return where units are drawn by their durations alone, the longest first. */
export function layoutDurations(units: Unit[], scale: TimeScale): Layout {
  const lasted = units.map((unit) => (unit.start === undefined ? -1 : unit.end! - unit.start))
  const order = units.map((_, number) => number).sort((a, b) => lasted[b]! - lasted[a]! || a - b)
  const boxes: Box[] = []
  order.forEach((number, row) => {
    const width = Math.max(timeToX(scale, Math.max(0, lasted[number]!)) - scale.left, MIN_BAR)
    boxes[number] = { x: scale.left, y: AXIS + row * ROW + 3, width, height: ROW - 6 }
  })
  return { boxes, width: scale.left + scale.width, height: AXIS + units.length * ROW + 8 }
}

const COLUMN = 220
const BOX_WIDTH = 168
const BOX_HEIGHT = 32
const GAP = 14

/** Return where units are drawn by dependency: each right of all whose results it used. */
export function layoutGraph(units: Unit[]): Layout {
  // Units are in the order of their start, and what a run used had started before it.
  const depths: number[] = []
  units.forEach((unit, number) => {
    const before = unit.parents.filter((parent) => parent < number)
    depths[number] = before.length ? Math.max(...before.map((parent) => depths[parent]! + 1)) : unit.indent
  })
  const rows: number[] = []
  const boxes = units.map((_, number) => {
    const depth = depths[number]!
    const row = (rows[depth] = (rows[depth] ?? -1) + 1)
    return { x: 20 + depth * COLUMN, y: 20 + row * (BOX_HEIGHT + GAP), width: BOX_WIDTH, height: BOX_HEIGHT }
  })
  const most = Math.max(0, ...rows.filter((row) => row !== undefined))
  return { boxes, width: 40 + Math.max(0, rows.length - 1) * COLUMN + BOX_WIDTH, height: 40 + (most + 1) * (BOX_HEIGHT + GAP) }
}

/** Return where units are drawn in the order in which they started, line by line, as wide as the drawing. */
export function layoutSequence(units: Unit[], width: number): Layout {
  const columns = Math.max(1, Math.floor((width - 20) / (BOX_WIDTH + 24)))
  const boxes = units.map((_, number) => ({
    x: 20 + (number % columns) * (BOX_WIDTH + 24),
    y: 20 + Math.floor(number / columns) * (BOX_HEIGHT + GAP + 8),
    width: BOX_WIDTH,
    height: BOX_HEIGHT,
  }))
  return { boxes, width: 0, height: 40 + Math.ceil(units.length / columns) * (BOX_HEIGHT + GAP + 8) }
}

/** Return the number of the box at a place, or -1. */
export function findBox(boxes: Box[], x: number, y: number, slack = 0): number {
  for (let number = boxes.length - 1; number >= 0; number -= 1) {
    const box = boxes[number]!
    if (y >= box.y && y <= box.y + box.height && x >= box.x - slack && x <= box.x + Math.max(box.width, 6) + slack) return number
  }
  return -1
}
