/** What a person has chosen in this browser: it is kept between visits. */
import type { Zone } from '../time/format'

export type Theme = 'system' | 'light' | 'dark'

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
  views: { flow_run?: DefaultView | undefined; task_run?: DefaultView | undefined }
}

const KEY = 'preferences'
const DEFAULTS: Choices = { theme: 'system', zone: 'local', chart: true, pageSize: 50, wrapLogs: false, views: {} }

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
}

export function zoneName(): string {
  return choices.zone === 'utc' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone
}
