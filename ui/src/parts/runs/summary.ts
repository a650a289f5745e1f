/** How the latest runs of something went. */

interface Run {
  state_type: string | null
  seconds: number
}

export function summarize(runs: Run[]): { rate: number; ended: number; median: number } | undefined {
  const ended = runs.filter((run) => run.state_type === 'COMPLETED' || run.state_type === 'FAILED' || run.state_type === 'CRASHED')
  if (!ended.length) return undefined
  const seconds = ended.map((run) => run.seconds).sort((a, b) => a - b)
  const completed = ended.filter((run) => run.state_type === 'COMPLETED').length
  return { rate: Math.round((completed / ended.length) * 100), ended: ended.length, median: seconds[Math.floor(seconds.length / 2)] ?? 0 }
}

/** Who starts later than this is late; below it, it is what starting takes. */
export const MIN_LATE_SECONDS = 10
