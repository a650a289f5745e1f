import type { BulkJob } from '../../api/schema'
import { formatCount } from '../../time/format'

const ACTIONS: Record<BulkJob['action'], string> = { cancel: 'Cancel', retry: 'Retry', delete: 'Delete', 'set-state': 'Change the state of', 'add-tags': 'Add tags to', 'remove-tags': 'Remove tags from' }

/** Say what a job does, as "Cancel 12 runs". */
export function describeJob(job: BulkJob): string {
  return `${ACTIONS[job.action]} ${formatCount(job.total)} ${job.total === 1 ? 'run' : 'runs'}`
}

/** Say how far a job is. */
export function describeProgress(job: BulkJob): string {
  return `${formatCount(job.done)} done${job.left ? `, ${formatCount(job.left)} left as ${job.left === 1 ? 'it was' : 'they were'}` : ''}`
}
