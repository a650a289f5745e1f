/** Series of columns that stand on one another. */

/** Return for each series the sums of its values and of those before it: what is drawn from the last to the first stands stacked. */
export function stack(series: number[][]): number[][] {
  const sums: number[][] = []
  for (const values of series) {
    const below = sums.at(-1)
    sums.push(values.map((value, n) => value + (below?.[n] ?? 0)))
  }
  return sums
}
