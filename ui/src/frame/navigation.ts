/** The pages of the sidebar, and the letter after `g` that opens each. Only pages that are there. */
export const NAVIGATION = [
  { path: 'dashboard', label: 'Overview', icon: 'overview', key: 'o' },
  { path: 'runs', label: 'Runs', icon: 'runs', key: 'r' },
  { path: 'flows', label: 'Flows', icon: 'flows', key: 'f' },
  { path: 'deployments', label: 'Deployments', icon: 'deployments', key: 'd' },
  { path: 'work-pools', label: 'Work pools', icon: 'pools', key: 'w' },
  { path: 'automations', label: 'Automations', icon: 'automations', key: 'a' },
  { path: 'events', label: 'Events', icon: 'events', key: 'e' },
  { path: 'artifacts', label: 'Artifacts', icon: 'artifacts', key: 't' },
  { path: 'blocks', label: 'Blocks', icon: 'blocks', key: 'b' },
  { path: 'variables', label: 'Variables', icon: 'variables', key: 'v' },
  { path: 'concurrency-limits', label: 'Concurrency', icon: 'concurrency', key: 'c' },
  { path: 'settings', label: 'Settings', icon: 'settings', key: 's' },
]

export interface Nearest {
  pattern: RegExp
  path: string
  sentence: string
}

/** Addresses of the original whose page is not here: the nearest one opens, and says so. */
export const NEAREST: Nearest[] = [
  { pattern: /^events\/event\/.*$/, path: 'events', sentence: 'All events are in one table; a click on an event shows the whole of it.' },
]

/** Return the nearest page of an address that has none of its own. */
export function findNearest(path: string): { path: string; sentence: string } | undefined {
  for (const { pattern, path: nearest, sentence } of NEAREST) {
    if (pattern.test(path)) return { path: path.replace(pattern, nearest), sentence }
  }
  return undefined
}
