/** Running a deployment with its own parameters. */
import { send } from '../../api/client'
import { attempt } from '../../frame/toasts.svelte'
import { address } from '../../routing/router.svelte'

/** Run a deployment now, and open the run. */
export async function runNow(id: string) {
  let run = ''
  const done = await attempt('The run is scheduled.', async () => {
    run = (await send<{ id: string }>('POST', `/deployments/${id}/create_flow_run`, { state: { type: 'SCHEDULED' } })).id
  })
  if (done) address.go(`runs/flow-run/${run}`)
}
