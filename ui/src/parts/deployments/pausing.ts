/** Pausing the schedules of a deployment. */
import type { Change } from '../../api/client'
import { attemptChange } from '../../frame/toasts.svelte'

/** Return the change that pauses the schedules of a deployment or lets them run again. */
export function pauseOf(id: string, paused: boolean): Change {
  return { method: 'POST', path: `/deployments/${id}/${paused ? 'pause' : 'resume'}_deployment` }
}

/** Pause the schedules of a deployment or let them run again. */
export async function pauseDeployment(id: string, paused: boolean, reload: () => Promise<unknown>) {
  await attemptChange(paused ? 'Its schedules are paused.' : 'Its schedules run again.', pauseOf(id, paused), pauseOf(id, !paused), reload)
}
