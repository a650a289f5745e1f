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
  { path: 'assets', label: 'Assets', icon: 'assets', key: 'y' },
  { path: 'blocks', label: 'Blocks', icon: 'blocks', key: 'b' },
  { path: 'variables', label: 'Variables', icon: 'variables', key: 'v' },
  { path: 'concurrency-limits', label: 'Concurrency', icon: 'concurrency', key: 'c' },
  { path: 'settings', label: 'Settings', icon: 'settings', key: 's' },
]
