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
  { pattern: /^work-pools\/create$/, path: 'work-pools', sentence: 'Work pools are created by a command: prefect work-pool create NAME --type process' },
  { pattern: /^work-pools\/work-pool\/([^/]+)\/edit$/, path: 'work-pools/work-pool/$1', sentence: 'The limit of a pool is changed here; its job template by a command: prefect work-pool update NAME --base-job-template FILE' },
  { pattern: /^work-pools\/work-pool\/([^/]+)\/queue\/create$/, path: 'work-pools/work-pool/$1', sentence: 'Work queues are created by a command: prefect work-queue create NAME --pool POOL' },
  { pattern: /^work-pools\/work-pool\/([^/]+)\/queue\/([^/]+)\/edit$/, path: 'work-pools/work-pool/$1/queue/$2', sentence: 'The priority, the limit and the switch of a queue are changed in its row.' },
]

/** Return the nearest page of an address that has none of its own. */
export function findNearest(path: string): { path: string; sentence: string } | undefined {
  for (const { pattern, path: nearest, sentence } of NEAREST) {
    if (pattern.test(path)) return { path: path.replace(pattern, nearest), sentence }
  }
  return undefined
}
