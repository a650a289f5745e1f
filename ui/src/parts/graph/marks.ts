/** Marks on a drawing: states of the flow run, artifacts, and events. */
import type { ArtifactRow, GraphEvent, StateEntry } from '../../api/schema'
import { AXIS, timeToX, type Layout, type TimeScale } from './layout'
import type { Unit } from './units'

export interface Mark {
  kind: 'artifact' | 'event'
  id: string
  label: string
  detail: string
  /** Milliseconds from the start of the flow run. */
  at: number
  occurred: string
  /** The task run that made an artifact. */
  task: string | null
}

export interface PlacedMark {
  x: number
  y: number
  /** Whether it is in the head of the drawing, which does not scroll with the rows. */
  head: boolean
  marks: Mark[]
}

export interface StateSpan {
  type: string
  name: string
  from: number
  until: number
}

export const BAND = 8
const LANE = 18
const CLUSTER_WIDTH = 18

export interface Head {
  height: number
  band: boolean
  lane: boolean
}

/** Return how high the head of a drawing by time is: its axis, the band of states, and a lane of marks. */
export function measureHead(band: boolean, lane: boolean): Head {
  return { height: AXIS + (band ? BAND : 0) + (lane ? LANE : 0), band, lane }
}

export function listMarks(artifacts: ArtifactRow[], events: GraphEvent[], begin: number): Mark[] {
  const ofArtifacts = artifacts.map((artifact): Mark => ({
    kind: 'artifact',
    id: artifact.id,
    label: artifact.key ?? artifact.description ?? 'Artifact',
    detail: artifact.type ?? '',
    at: new Date(artifact.created).getTime() - begin,
    occurred: artifact.created,
    task: artifact.task_run_id,
  }))
  return [...ofArtifacts, ...events.map((event): Mark => ({ kind: 'event', id: event.id, label: event.name, detail: event.resource, at: event.at, occurred: event.occurred, task: null }))]
}

/** Return for how long the flow run was in each of its states, in milliseconds from its start. */
export function listSpans(states: StateEntry[], begin: number, until: number): StateSpan[] {
  return states.map((state, number) => {
    const next = states[number + 1]
    const from = new Date(state.timestamp).getTime() - begin
    return { type: state.type, name: state.name, from, until: next ? new Date(next.timestamp).getTime() - begin : Math.max(from, until) }
  })
}

/** Return where marks are drawn by time: artifacts on the row of their task run, what belongs to none in the lane. */
export function placeMarks(marks: Mark[], units: Unit[], layout: Layout, scale: TimeScale, head: Head): PlacedMark[] {
  const rows = rowsOfTasks(marks, units)
  const placed: PlacedMark[] = []
  const add = (mark: Mark, row: number | undefined) => {
    const x = Math.max(timeToX(scale, mark.at), 6)
    const box = row === undefined ? undefined : layout.boxes[row]
    const y = box ? box.y + box.height / 2 : head.height - LANE / 2
    const near = placed.find((each) => each.head === !box && each.y === y && Math.abs(each.x - x) < CLUSTER_WIDTH && each.marks[0]!.kind === mark.kind)
    if (near) near.marks.push(mark)
    else placed.push({ x, y, head: !box, marks: [mark] })
  }
  for (const mark of marks) add(mark, mark.task ? rows.get(mark.task) : undefined)
  return placed
}

/** Return where artifacts are drawn on boxes: at their corners. */
export function placeOnBoxes(marks: Mark[], units: Unit[], layout: Layout): PlacedMark[] {
  const rows = rowsOfTasks(marks, units)
  const byRow = new Map<number, Mark[]>()
  for (const mark of marks) {
    const row = mark.task ? rows.get(mark.task) : undefined
    if (row !== undefined) byRow.set(row, [...(byRow.get(row) ?? []), mark])
  }
  return [...byRow].map(([row, marks]) => {
    const box = layout.boxes[row]!
    return { x: box.x + box.width - 12, y: box.y + 9, head: false, marks }
  })
}

/** Return the innermost unit that shows each task run with a mark. */
function rowsOfTasks(marks: Mark[], units: Unit[]): Map<string, number> {
  const wanted = new Set(marks.flatMap((mark) => mark.task ?? []))
  const rows = new Map<string, number>()
  if (wanted.size) units.forEach((unit, number) => unit.members.forEach((member) => wanted.has(member.id) && rows.set(member.id, number)))
  return rows
}

/** Return the mark at a place of what is in view. */
export function findMark(placed: PlacedMark[], x: number, y: number, left: number, top: number): PlacedMark | undefined {
  return placed.find((mark) => Math.abs(mark.x - left - x) < 8 && Math.abs((mark.head ? mark.y : mark.y - top) - y) < 8)
}

export function describeMarks({ marks }: PlacedMark): string {
  const [first] = marks as [Mark]
  return marks.length > 1 ? `${marks.length} ${first.kind}s: ${[...new Set(marks.map((mark) => mark.label))].slice(0, 4).join(', ')}` : `${first.kind === 'artifact' ? 'Artifact' : 'Event'} ${first.label}`
}
