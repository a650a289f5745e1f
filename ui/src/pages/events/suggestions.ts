/** What a filter of events can be: the events and resources that there were, and their groups. */
import type { EventCount } from '../../api/schema'
import { formatCount } from '../../time/format'

const MAX_SUGGESTIONS = 100

/** Return groups (`prefect.flow-run.*`) before what they have, each with how many events there were. */
export function suggest(counts: Pick<EventCount, 'value' | 'label' | 'count'>[]) {
  const groups = new Map<string, { count: number; members: number }>()
  for (const { value, count } of counts) {
    const end = value.lastIndexOf('.')
    if (end < 0) continue
    const group = groups.get(value.slice(0, end)) ?? { count: 0, members: 0 }
    groups.set(value.slice(0, end), { count: group.count + count, members: group.members + 1 })
  }
  const several = [...groups].filter(([, { members }]) => members > 1).map(([name, { count }]) => ({ value: `${name}.*`, label: describe(count) }))
  const single = counts.map(({ value, label, count }) => ({ value, label: `${label && label !== value ? `${label}, ` : ''}${describe(count)}` }))
  return [...several.sort((a, b) => a.value.localeCompare(b.value)), ...single].slice(0, MAX_SUGGESTIONS)
}

function describe(count: number) {
  return `${formatCount(count)} event${count === 1 ? '' : 's'}`
}
