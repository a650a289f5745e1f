/** Sentences about what a retry of a flow run repeats, and what it keeps. */
import type { RetryOutlook } from '../../api/schema'
import { formatCount } from '../../time/format'

const MAX_NAMES = 3

/** Say of how many things something is true: `1 task run is`, `12 task runs are`. */
function count(number: number, what: string): string {
  return `${formatCount(number)} ${what}${number === 1 ? ' is' : 's are'}`
}

function list(names: string[]): string {
  const rest = names.length - MAX_NAMES
  const shown = rest > 1 ? names.slice(0, MAX_NAMES) : names
  const last = rest > 1 ? `${formatCount(rest)} more tasks` : shown.length > 1 ? shown.pop()! : ''
  return last ? `${shown.join(', ')} and ${last}` : shown.join('')
}

/**
 * Say which completed tasks a retry repeats because it does not find their results; an empty text for none.
 *
 * @param consequence what follows for them, where that is not said elsewhere.
 */
export function describeLost(outlook: RetryOutlook, consequence = ''): string {
  const named = (reason: string) => list(outlook.lost.filter((each) => each.reason === reason).map((each) => each.task))
  const [notKept, expired, subflows] = [named('not kept'), named('expired'), named('subflow')]
  return [
    notKept && `The results of ${notKept} were not kept: @task(persist_result=True) keeps them.`,
    expired && `The results of ${expired} have expired.`,
    (notKept || expired) && consequence,
    subflows && `Subflows run again as a whole: ${subflows} (@flow(persist_result=True) keeps their results).`,
    outlook.is_partial && 'The flow run has more task runs than were looked at.',
  ]
    .filter(Boolean)
    .join(' ')
}

/** Say what a retry keeps, and what it repeats although it completed. */
export function describeOutlook(outlook: RetryOutlook, chosen?: string): string {
  const others = outlook.repeated - 1
  return [
    chosen && outlook.repeated && `${chosen} runs again${others > 0 ? `, and so ${others === 1 ? 'does' : 'do'} ${formatCount(others)} completed task run${others === 1 ? '' : 's'} that used its result` : ''}.`,
    outlook.kept ? `${count(outlook.kept, 'completed task run')} kept${chosen ? '' : ' and not run a second time'}.` : chosen ? '' : 'No result of a completed task run is kept.',
    describeLost(outlook, 'These run again, too.'),
  ]
    .filter(Boolean)
    .join(' ')
}

/** What the button says that retries only what failed. */
export function nameFailed(outlook: RetryOutlook, task: string): string {
  if (outlook.failed_of < 2) return `Retry from ${task}`
  return outlook.failed === outlook.failed_of ? `Retry the ${formatCount(outlook.failed)} failed` : `Retry the ${formatCount(outlook.failed)} failed of ${formatCount(outlook.failed_of)}`
}
