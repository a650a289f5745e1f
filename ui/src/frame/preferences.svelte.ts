/** What a person has chosen in this browser: it is kept between visits. */
import { useTwelveHours, type Zone } from '../time/format'

export type Theme = 'system' | 'light' | 'dark'

/** The colours of states: the standard ones, or ones for a colour vision deficiency. */
export type Palette = 'standard' | 'red-green' | 'blue-yellow' | 'grey'

/** Columns of a list of runs that can be left out. */
export const RUN_COLUMNS = ['Started', 'Duration', 'Tasks', 'Deployment', 'Parameters', 'Tags'] as const
export type RunColumn = (typeof RUN_COLUMNS)[number]

/** How the runs of a flow run are drawn. */
export const GRAPH_LAYOUTS = ['Timeline', 'Compact', 'Durations', 'Graph', 'Sequence'] as const
export type GraphLayout = (typeof GRAPH_LAYOUTS)[number]

/** What can be left out of a drawing. */
export const GRAPH_PARTS = ['Arrows', 'Artifacts', 'Events', 'States', 'Critical path'] as const
export type GraphPart = (typeof GRAPH_PARTS)[number]

/** The view with which the list of runs opens. */
export interface DefaultView {
  id: string
  query: string
  sort: string
}

interface Choices {
  theme: Theme
  zone: Zone
  chart: boolean
  pageSize: number
  wrapLogs: boolean
  /** What stands before a line of a log: the clock, the time since the run began, or since the line before. */
  logTimes: 'clock' | 'since' | 'gaps'
  newestFirst: boolean
  palette: Palette
  dense: boolean
  twelveHours: boolean
  hiddenColumns: RunColumn[]
  pinned: string[]
  /** The orders of lists that were chosen, by the name of the list. */
  sorts: Record<string, string>
  graphLayout: GraphLayout
  hiddenGraphParts: GraphPart[]
  groupEvents: boolean
  groupDeployments: '' | 'flow' | 'pool' | 'tag'
  artifactLayout: 'cards' | 'list'
  /** Views of lists of runs that only this browser has; others are the server's. */
  ownViews: (DefaultView & { kind: 'flow_run' | 'task_run'; name: string })[]
  views: { flow_run?: DefaultView | undefined; task_run?: DefaultView | undefined }
}

const KEY = 'preferences'
const DEFAULTS: Choices = {
  theme: 'system',
  zone: 'local',
  chart: true,
  pageSize: 50,
  wrapLogs: false,
  logTimes: 'clock',
  newestFirst: false,
  palette: 'standard',
  dense: false,
  twelveHours: false,
  hiddenColumns: [],
  pinned: [],
  sorts: {},
  graphLayout: 'Timeline',
  hiddenGraphParts: [],
  groupEvents: true,
  groupDeployments: '',
  artifactLayout: 'cards',
  ownViews: [],
  views: {},
}

function read(): Choices {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Choices>) }
  } catch {
    return DEFAULTS
  }
}

const choices = $state(read())

export const preferences = choices

export function choose(parts: Partial<Choices>) {
  Object.assign(choices, parts)
  localStorage.setItem(KEY, JSON.stringify(choices))
  applyTheme()
}

export function applyTheme() {
  if (choices.theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = choices.theme
  document.documentElement.dataset.palette = choices.palette
  document.documentElement.classList.toggle('dense', choices.dense)
  useTwelveHours(choices.twelveHours)
}

export function zoneName(): string {
  if (choices.zone === 'utc') return 'UTC'
  return choices.zone === 'local' ? Intl.DateTimeFormat().resolvedOptions().timeZone : choices.zone
}
