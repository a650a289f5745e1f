/** Which lines of two texts differ. */

export interface DiffLine {
  kind: 'same' | 'added' | 'removed'
  text: string
}

/** Lines of which the longest common part is looked for: it takes as many steps as their product. */
const MAX_LINES = 1500

/** Return the lines of both texts in their order; those that only one of them has are marked. */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.split('\n')
  const b = after.split('\n')
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1
  let end = 0
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1
  const same = (lines: string[]): DiffLine[] => lines.map((text) => ({ kind: 'same', text }))
  return [...same(a.slice(0, start)), ...diffMiddle(a.slice(start, a.length - end), b.slice(start, b.length - end)), ...same(a.slice(a.length - end))]
}

function diffMiddle(a: string[], b: string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ kind: 'removed', text })
  const added = (text: string): DiffLine => ({ kind: 'added', text })
  if (a.length > MAX_LINES || b.length > MAX_LINES) return [...a.map(removed), ...b.map(added)]
  // The length of the longest common part from each place on.
  const width = b.length + 1
  const common = new Uint16Array((a.length + 1) * width)
  for (let n = a.length - 1; n >= 0; n -= 1) {
    for (let m = b.length - 1; m >= 0; m -= 1) {
      common[n * width + m] = a[n] === b[m] ? common[(n + 1) * width + m + 1]! + 1 : Math.max(common[(n + 1) * width + m]!, common[n * width + m + 1]!)
    }
  }
  const lines: DiffLine[] = []
  let [n, m] = [0, 0]
  while (n < a.length && m < b.length) {
    if (a[n] === b[m]) lines.push({ kind: 'same', text: a[n++]! }), (m += 1)
    else if (common[(n + 1) * width + m]! >= common[n * width + m + 1]!) lines.push(removed(a[n++]!))
    else lines.push(added(b[m++]!))
  }
  return [...lines, ...a.slice(n).map(removed), ...b.slice(m).map(added)]
}
