/** Where each unit is drawn: by time in rows, or by dependency in columns. */
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
export function layoutTimeline(units: Unit[], scale: TimeScale): Layout {
  const boxes = units.map((unit, row) => {
    const start = unit.start ?? scale.until
    const x = timeToX(scale, start)
    const width = Math.max(timeToX(scale, unit.end ?? start) - x, MIN_BAR)
    return { x, y: AXIS + row * ROW + 3, width, height: ROW - 6 }
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

/** Return the number of the box at a place, or -1. */
export function findBox(boxes: Box[], x: number, y: number, slack = 0): number {
  for (let number = boxes.length - 1; number >= 0; number -= 1) {
    const box = boxes[number]!
    if (y >= box.y && y <= box.y + box.height && x >= box.x - slack && x <= box.x + Math.max(box.width, 6) + slack) return number
  }
  return -1
}
