/** The orders of lists of named objects. */
export const LIST_SORTS: [string, string][] = [
  ['name', 'A to Z'],
  ['-name', 'Z to A'],
  ['-created', 'Newest first'],
  ['-updated', 'Changed last'],
]
