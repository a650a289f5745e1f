/** Runs that changed, as the server pushes them, and how the data of a page follows them without being loaded again. */
import type { Chart, DeploymentRow, DeploymentsPage, FlowRow, FlowRunPage, FlowsPage, OverviewPage, RunRow, RunsPage, ShortRun, StateCount, TaskRunCounts } from '../api/schema'
import { STATES } from '../parts/states'

/** When a run started, the type and the name of a state, and by how much the count of such runs changes. */
export type Step = [string | null, string, string, number]

export interface RunChanges {
  rows: RunRow[]
  /** The ids of those that were deleted, or that the query of the page does not mean any more. */
  gone: string[]
  /** How counts by state change. */
  steps?: Step[]
  /** By how much the number of runs that satisfy the query changes. */
  total?: number
}

const FAILED = ['FAILED', 'CRASHED']
const UNDER_WAY = ['RUNNING', 'CANCELLING']
const OVERVIEW_ROWS = 8
const BARS = 20
const LATEST_RUNS = 80

type Keep = (row: RunRow) => boolean

/** Replace rows that changed; those that are gone, or are not to be kept any more, are left out. */
function replaceRows(rows: RunRow[], changes: RunChanges, keep: Keep = () => true): RunRow[] {
  const changed = new Map(changes.rows.map((row) => [row.id, row]))
  const gone = new Set(changes.gone)
  return rows
    .filter((row) => !gone.has(row.id) && keep(changed.get(row.id) ?? row))
    .map((row) => {
      const now = changed.get(row.id)
      // Why a run waits is said by the page itself.
      return now ? { ...now, message: now.message ?? (now.state_name === row.state_name ? row.message : null) } : row
    })
}

function addRows(rows: RunRow[], changes: RunChanges, keep: Keep): RunRow[] {
  const there = new Set(rows.map((row) => row.id))
  return [...changes.rows.filter((row) => !there.has(row.id) && keep(row)), ...rows]
}

const startOf = (row: RunRow) => row.start_time ?? row.expected_start_time ?? ''

const secondsOf = (row: RunRow) => row.run_seconds + (row.running_since ? (Date.now() - new Date(row.running_since).getTime()) / 1000 : 0)

/** Compare rows in an order of the page of runs, as `-start`. */
export function compareRows(sort: string): (a: RunRow, b: RunRow) => number {
  const value: Record<string, (row: RunRow) => string | number> = {
    start: startOf,
    end: (row) => row.end_time ?? '',
    name: (row) => row.name,
    duration: secondsOf,
    lateness: (row) => (row.expected_start_time ? (row.start_time ? new Date(row.start_time).getTime() : Date.now()) - new Date(row.expected_start_time).getTime() : 0),
  }
  const of = value[sort.replace('-', '')] ?? startOf
  const sign = sort.startsWith('-') ? -1 : 1
  return (a, b) => {
    const [x, y] = [of(a), of(b)]
    return x === y ? 0 : (x < y ? -1 : 1) * sign
  }
}

export function mergeRunsPage(page: RunsPage, changes: RunChanges, sort: string, size: number): RunsPage {
  let rows = replaceRows(page.rows, changes)
  // On later pages it is not known what moved there.
  if (page.page === 1) rows = addRows(rows, changes, () => true).sort(compareRows(sort)).slice(0, size)
  const scheduled = replaceRows(page.upcoming, changes, (row) => row.state_type === 'SCHEDULED')
  const total = Math.max(rows.length, page.total + (changes.total ?? 0))
  return {
    ...page,
    rows,
    total,
    pages: Math.max(page.pages, Math.ceil(total / size)),
    states: countStates(page.states, changes.steps ?? []),
    chart: page.chart && mergeChart(page.chart, changes),
    upcoming: scheduled,
    upcoming_total: Math.max(scheduled.length, page.upcoming_total - (page.upcoming.length - scheduled.length)),
  }
}

function countStates(before: StateCount[], steps: Step[]): StateCount[] {
  const states = before.map((state) => ({ ...state }))
  for (const [, type, name, by] of steps) {
    const state = states.find((each) => each.type === type && each.name === name)
    if (state) state.count += by
    else if (by > 0) states.push({ type, name, count: by })
  }
  return states.filter((state) => state.count > 0)
}

/** Most points of a chart; more runs are counted in cells. */
const MAX_POINTS = 1000

function mergeChart(chart: Chart, changes: RunChanges): Chart {
  const since = new Date(chart.since).getTime()
  const until = Math.max(new Date(chart.until).getTime(), ...changes.rows.map((row) => new Date(startOf(row) || chart.since).getTime()))
  const extended = { ...chart, until: new Date(until).toISOString() }
  if (chart.cells) return { ...chart, cells: mergeCells(chart, changes.steps ?? []) }
  const changed = new Set([...changes.gone, ...changes.rows.map((row) => row.id)])
  const points = changes.rows
    .filter((row) => row.state_type && startOf(row) && new Date(startOf(row)).getTime() >= since)
    .map((row): Chart['points'][number] => [new Date(startOf(row)).getTime() - since, secondsOf(row), row.state_type!, row.id, row.name])
  return { ...extended, points: [...chart.points.filter((point) => !changed.has(point[3])), ...points].slice(-MAX_POINTS) }
}

/** Count runs in the cells of their columns: in which row they were, and are, only the next answer says. */
function mergeCells(chart: Chart, steps: Step[]): Chart['cells'] {
  const cells = (chart.cells ?? []).map((cell): [number, number, string, number] => [cell[0], cell[1], cell[2], cell[3]])
  const since = new Date(chart.since).getTime()
  const width = (new Date(chart.until).getTime() - since) / chart.columns
  let row = 0
  for (const [start, type, , by] of steps) {
    if (!start || new Date(start).getTime() < since) continue
    const column = Math.min(chart.columns - 1, Math.floor((new Date(start).getTime() - since) / width))
    const cell = cells.find((each) => each[0] === column && each[2] === type && each[3] + by >= 0)
    if (cell) [row, cell[3]] = [cell[1], cell[3] + by]
    else if (by > 0) cells.push([column, row, type, by])
  }
  return cells.filter((cell) => cell[3] > 0)
}

/** Count runs in the columns of a diagram, each as its number, a type of state and a count. */
function mergeColumns(columns: [number, string, number][], steps: Step[], since: string, width: number): [number, string, number][] {
  const counts = new Map(columns.map(([column, type, count]) => [`${column} ${type}`, count]))
  for (const [start, type, , by] of steps) {
    const column = start ? Math.floor((new Date(start).getTime() - new Date(since).getTime()) / 1000 / width) : -1
    if (column >= 0) counts.set(`${column} ${type}`, (counts.get(`${column} ${type}`) ?? 0) + by)
  }
  return [...counts].filter(([, count]) => count > 0).map(([key, count]) => [Number(key.split(' ')[0]), key.split(' ')[1]!, count])
}

export function mergeTaskRunCounts(page: TaskRunCounts, changes: RunChanges): TaskRunCounts {
  return { ...page, columns: mergeColumns(page.columns as [number, string, number][], changes.steps ?? [], page.since, page.width) }
}

/** Follow changes where the chart is of a time that has ended: what begins now is not in it. */
export function mergePastOverview(page: OverviewPage, changes: RunChanges): OverviewPage | undefined {
  const merged = mergeOverview(page, { ...changes, steps: [] })
  return merged && { ...merged, latest: page.latest }
}

/** @returns nothing when a run waits for input, whose form has to be loaded. */
export function mergeOverview(page: OverviewPage, changes: RunChanges): OverviewPage | undefined {
  const paused = new Set(page.paused.map((each) => each.run.id))
  if (changes.rows.some((row) => row.state_type === 'PAUSED' && !paused.has(row.id))) return undefined
  const byId = new Map(changes.rows.map((row) => [row.id, row]))
  const runs = (row: RunRow) => UNDER_WAY.includes(row.state_type ?? '')
  const failed = (row: RunRow) => FAILED.includes(row.state_type ?? '') && !row.is_subflow
  const stillFailed = replaceRows(page.failed, changes, failed)
  const allFailed = addRows(stillFailed, changes, failed)
  const steps = changes.steps ?? []
  const began = new Date(page.since).getTime()
  const upcoming = replaceRows(page.upcoming, changes, (row) => row.state_type === 'SCHEDULED')
  return {
    ...page,
    columns: mergeColumns(page.columns as [number, string, number][], steps, page.since, page.width),
    states: countTypes(page.states, steps.filter(([start]) => start && new Date(start).getTime() >= began)),
    upcoming_total: Math.max(upcoming.length, page.upcoming_total - (page.upcoming.length - upcoming.length)),
    latest: sortLatest(page.latest, changes.rows.filter((row) => row.state_type !== 'SCHEDULED' && new Date(startOf(row)).getTime() >= began), changes.gone, LATEST_RUNS),
    running: addRows(replaceRows(page.running, changes, runs), changes, runs).sort(compareRows('-start')).slice(0, OVERVIEW_ROWS),
    failed: allFailed.sort(compareRows('-end')).slice(0, OVERVIEW_ROWS),
    failed_total: page.failed_total + allFailed.length - page.failed.length,
    late: replaceRows(page.late, changes, (row) => row.state_name === 'Late'),
    stuck: replaceRows(page.stuck, changes, (row) => row.state_type === 'PENDING'),
    paused: page.paused.filter((each) => !changes.gone.includes(each.run.id) && (byId.get(each.run.id)?.state_type ?? 'PAUSED') === 'PAUSED'),
    upcoming,
  }
}

/** Count states by their types alone. */
function countTypes(states: StateCount[], steps: Step[]): StateCount[] {
  return countStates(states, steps.map(([start, type, , by]): Step => [start, type, states.find((each) => each.type === type)?.name ?? STATES[type]?.name ?? type, by]))
}

function shorten(row: RunRow): ShortRun {
  const { id, name, state_type, state_name, start_time, expected_start_time, run_seconds } = row
  return { id, name, state_type, state_name, start_time, expected_start_time, seconds: run_seconds }
}

/** Return the latest runs with those that changed among them. */
function sortLatest(runs: ShortRun[], mine: RunRow[], gone: string[], most: number): ShortRun[] {
  const changed = new Set([...mine.map((run) => run.id), ...gone])
  const kept = runs.filter((run) => !changed.has(run.id))
  return [...mine.map(shorten), ...kept].sort((a, b) => ((a.expected_start_time ?? '') < (b.expected_start_time ?? '') ? 1 : -1)).slice(0, most)
}

/** Put the runs that changed among the latest runs of what they belong to. */
function mergeLatest<T extends FlowRow | DeploymentRow>(row: T, changes: RunChanges, owner: (run: RunRow) => string | undefined): T {
  const mine = changes.rows.filter((run) => owner(run) === row.id && run.state_type !== 'SCHEDULED')
  if (!mine.length && !row.runs.some((run) => changes.gone.includes(run.id))) return row
  const changed = new Set([...mine.map((run) => run.id), ...changes.gone])
  return { ...row, runs: sortLatest(row.runs, mine, changes.gone, Math.max(BARS, row.runs.length)), next: row.next && changed.has(row.next.id) ? null : row.next }
}

export function mergeFlows(page: FlowsPage, changes: RunChanges): FlowsPage {
  return { ...page, rows: page.rows.map((row) => mergeLatest(row, changes, (run) => run.flow?.id)) }
}

export function mergeDeployments(page: DeploymentsPage, changes: RunChanges): DeploymentsPage {
  return { ...page, rows: page.rows.map((row) => mergeLatest(row, changes, (run) => run.deployment?.id)) }
}

/** @returns nothing when the run is in another type of state, with which the page shows other things. */
export function mergeFlowRun(page: FlowRunPage, changes: RunChanges): FlowRunPage | undefined {
  const run = changes.rows.find((row) => row.id === page.run.id)
  if (changes.gone.includes(page.run.id) || (run && run.state_type !== page.run.state_type)) return undefined
  return run ? { ...page, run } : page
}
