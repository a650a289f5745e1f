/** The pages of the sidebar, and the letter after `g` that opens each. Only pages that are there. */
export const NAVIGATION = [
  { path: 'runs', label: 'Runs', icon: 'runs', key: 'r' },
]

/** The page that an address without one of its own opens, with the sentence that says so. */
export const NEAREST: Record<string, string> = {}
