/** Flow runs that changed, as the server pushes them, and how the data of a page follows them without being loaded again. */
import type { DeploymentRow, DeploymentsPage, FlowRow, FlowRunPage, FlowsPage, OverviewPage, RunRow, RunsPage, ShortRun } from '../api/schema'

export interface RunChanges {
  rows: RunRow[]
  /** The ids of those that were deleted, or that the query of the page does not mean any more. */
  gone: string[]
}

const FAILED = ['FAILED', 'CRASHED']
const UNDER_WAY = ['RUNNING', 'CANCELLING']
const OVERVIEW_ROWS = 8
const BARS = 20

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

/** Compare rows in an order of the page of runs, as `-start`. */
export function compareRows(sort: string): (a: RunRow, b: RunRow) => number {
  const value: Record<string, (row: RunRow) => string | number> = {
    start: startOf,
    end: (row) => row.end_time ?? '',
    name: (row) => row.name,
    duration: (row) => row.run_seconds + (row.running_since ? (Date.now() - new Date(row.running_since).getTime()) / 1000 : 0),
  }
  const of = value[sort.replace('-', '')] ?? startOf
  const sign = sort.startsWith('-') ? -1 : 1
  return (a, b) => {
    const [x, y] = [of(a), of(b)]
    return x === y ? 0 : (x < y ? -1 : 1) * sign
  }
}

export function mergeRunsPage(page: RunsPage, changes: RunChanges, sort: string, size: number): RunsPage {
  const before = new Map(page.rows.map((row) => [row.id, row]))
  let rows = replaceRows(page.rows, changes)
  // On later pages it is not known what moved there.
  if (page.page === 1) rows = addRows(rows, changes, () => true).sort(compareRows(sort)).slice(0, size)
  const states = page.states.map((state) => ({ ...state }))
  for (const row of changes.rows) {
    const old = before.get(row.id)
    if (!old || (old.state_type === row.state_type && old.state_name === row.state_name)) continue
    for (const [each, by] of [[old, -1], [row, 1]] as const) {
      const state = states.find((state) => state.type === each.state_type && state.name === each.state_name)
      if (state) state.count += by
      else if (by > 0 && each.state_type) states.push({ type: each.state_type, name: each.state_name ?? each.state_type, count: 1 })
    }
  }
  const scheduled = replaceRows(page.upcoming, changes, (row) => row.state_type === 'SCHEDULED')
  return { ...page, rows, states: states.filter((state) => state.count > 0), upcoming: scheduled }
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
  return {
    ...page,
    running: addRows(replaceRows(page.running, changes, runs), changes, runs).sort(compareRows('-start')).slice(0, OVERVIEW_ROWS),
    failed: allFailed.sort(compareRows('-end')).slice(0, OVERVIEW_ROWS),
    failed_total: page.failed_total + allFailed.length - page.failed.length,
    late: replaceRows(page.late, changes, (row) => row.state_name === 'Late'),
    stuck: replaceRows(page.stuck, changes, (row) => row.state_type === 'PENDING'),
    paused: page.paused.filter((each) => !changes.gone.includes(each.run.id) && (byId.get(each.run.id)?.state_type ?? 'PAUSED') === 'PAUSED'),
    upcoming: replaceRows(page.upcoming, changes, (row) => row.state_type === 'SCHEDULED'),
  }
}

function shorten(row: RunRow): ShortRun {
  const { id, name, state_type, state_name, start_time, expected_start_time, run_seconds } = row
  return { id, name, state_type, state_name, start_time, expected_start_time, seconds: run_seconds }
}

/** Put the runs that changed among the latest runs of what they belong to. */
function mergeLatest<T extends FlowRow | DeploymentRow>(row: T, changes: RunChanges, owner: (run: RunRow) => string | undefined): T {
  const mine = changes.rows.filter((run) => owner(run) === row.id && run.state_type !== 'SCHEDULED')
  if (!mine.length && !row.runs.some((run) => changes.gone.includes(run.id))) return row
  const changed = new Set([...mine.map((run) => run.id), ...changes.gone])
  const kept = row.runs.filter((run) => !changed.has(run.id))
  const runs = [...mine.map(shorten), ...kept].sort((a, b) => ((a.expected_start_time ?? '') < (b.expected_start_time ?? '') ? 1 : -1))
  return { ...row, runs: runs.slice(0, Math.max(BARS, row.runs.length)), next: row.next && changed.has(row.next.id) ? null : row.next }
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
