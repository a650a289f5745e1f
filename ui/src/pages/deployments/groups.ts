/** The deployments of a page in groups, as one has chosen. */
import type { DeploymentRow } from '../../api/schema'

export const GROUPINGS = [
  ['', 'Not grouped'],
  ['flow', 'By flow'],
  ['pool', 'By work pool'],
  ['tag', 'By tag'],
] as const
export type Grouping = (typeof GROUPINGS)[number][0]

/** Return groups with their names; a deployment with more tags is in the group of each. */
export function groupDeployments(rows: DeploymentRow[], by: Grouping): { name: string; rows: DeploymentRow[] }[] {
  if (!by) return [{ name: '', rows }]
  const groups = new Map<string, DeploymentRow[]>()
  for (const row of rows) for (const name of namesOf(row, by)) groups.set(name, [...(groups.get(name) ?? []), row])
  return [...groups].sort(([a], [b]) => a.localeCompare(b)).map(([name, rows]) => ({ name, rows }))
}

function namesOf(row: DeploymentRow, by: Grouping): string[] {
  if (by === 'flow') return [row.flow?.name ?? 'Without a flow']
  if (by === 'pool') return [row.work_pool ?? 'Without a work pool']
  return row.tags.length ? row.tags : ['Without a tag']
}
