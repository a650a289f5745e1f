/** Every address of the page, and of the original's, with the heading that it opens. */
import type { TestServer } from './servers'

export interface Ids {
  run: string
  task: string
  flow: string
  deployment: string
  artifact: string
  block: string
  automation: string
  event: string
  eventName: string
  limit: string
  job: string
  worker: string
}

export async function findIds(server: TestServer): Promise<Ids> {
  const run = await server.findRun('broken-heron')
  const page = await server.call<{ run: { flow: { id: string }; deployment: { id: string } }; failure: { task: { id: string } } }>('GET', `/ui/pages/flow-run/${run}`)
  const artifacts = await server.call<{ id: string }[]>('POST', '/artifacts/filter', { artifacts: { key: { any_: ['daily-report'] } } })
  const blocks = await server.call<{ id: string }[]>('POST', '/block_documents/filter', { block_documents: { name: { like_: 'team-alerts' } } })
  const automations = await server.call<{ id: string }[]>('POST', '/automations/filter', { automations: { name: { any_: ['tell-the-team'] } } })
  const { events } = await server.call<{ events: { id: string; occurred: string; event: string }[] }>('POST', '/events/filter', { filter: {}, limit: 1 })
  const limit = await server.call<{ id: string }>('GET', '/concurrency_limits/tag/gpu')
  const event = `${events[0]!.occurred.slice(0, 10)}/${events[0]!.id}`
  const job = await server.call<{ id: string }>('POST', '/ui/bulk/runs', { action: 'add-tags', ids: [run], options: { tags: ['prod'] } })
  const { worker } = await server.call<{ worker: { id: string } }>('GET', '/ui/pages/work-pool/local/worker/worker-1')
  return { worker: worker.id, job: job.id, event, eventName: events[0]!.event, limit: limit.id, run, task: page.failure.task.id, flow: page.run.flow.id, deployment: page.run.deployment.id, artifact: artifacts[0]!.id, block: blocks[0]!.id, automation: automations[0]!.id }
}

/** The pages: the address and the heading. */
export function listPages(ids: Ids): [string, string][] {
  return [
    ['/', 'Overview'],
    ['/?hours=168&back=1&q=tag:prod', 'Overview'],
    ['/?runs=failed', 'Overview'],
    ['/runs', 'Runs'],
    ['/runs?kind=task_run', 'Runs'],
    [`/runs/flow-run/${ids.run}`, 'broken-heron'],
    [`/runs/flow-run/${ids.run}?tab=logs`, 'broken-heron'],
    [`/runs/flow-run/${ids.run}?tab=details`, 'broken-heron'],
    [`/runs/flow-run/${ids.run}?tab=tasks`, 'broken-heron'],
    [`/runs/flow-run/${ids.run}?tab=parameters`, 'broken-heron'],
    [`/runs/task-run/${ids.task}?tab=details`, 'transform-0'],
    [`/runs/task-run/${ids.task}?tab=inputs`, 'transform-0'],
    [`/runs/task-run/${ids.task}`, 'transform-0'],
    ['/flows', 'Flows'],
    [`/flows/flow/${ids.flow}?tab=grid`, 'nightly-etl'],
    ['/deployments', 'Deployments'],
    [`/deployments/deployment/${ids.deployment}`, 'prod'],
    [`/deployments/deployment/${ids.deployment}?tab=parameters`, 'prod'],
    [`/deployments/deployment/${ids.deployment}?tab=configuration`, 'prod'],
    [`/deployments/deployment/${ids.deployment}?tab=grid`, 'prod'],
    [`/deployments/deployment/${ids.deployment}/run`, 'Run prod'],
    [`/deployments/deployment/${ids.deployment}/edit`, 'Edit prod'],
    [`/deployments/deployment/${ids.deployment}/duplicate`, 'Duplicate prod'],
    ['/work-pools', 'Work pools'],
    ['/work-pools/work-pool/local', 'local'],
    ['/work-pools/work-pool/local?tab=workers', 'local'],
    ['/work-pools/work-pool/local?tab=template', 'local'],
    ['/work-pools/work-pool/local/queue/default', 'default'],
    ['/work-pools/work-pool/local/worker/worker-1', 'worker-1'],
    ['/work-pools/create', 'Create a work pool'],
    ['/work-pools/work-pool/local/edit', 'Edit local'],
    ['/work-pools/work-pool/local/queue/create', 'Create a work queue'],
    ['/work-pools/work-pool/local/queue/default/edit', 'Edit default'],
    ['/concurrency-limits/concurrency-limit/database', 'database'],
    ['/blocks', 'Blocks'],
    ['/blocks/catalog', 'Block types'],
    ['/blocks/catalog/secret', 'Secret'],
    ['/blocks/catalog/snowflake-connector/create', 'Create a Snowflake Connector block'],
    [`/blocks/block/${ids.block}`, 'team-alerts'],
    [`/blocks/block/${ids.block}/edit`, 'Edit team-alerts'],
    ['/variables', 'Variables'],
    ['/automations', 'Automations'],
    ['/automations/create', 'Create an automation'],
    [`/automations/automation/${ids.automation}`, 'tell-the-team'],
    [`/automations/automation/${ids.automation}/edit`, 'Edit tell-the-team'],
    ['/events', 'Events'],
    [`/events/event/${ids.event}`, ids.eventName],
    ['/concurrency-limits', 'Concurrency limits'],
    [`/concurrency-limits/concurrency-limit/${ids.limit}`, 'gpu'],
    ['/artifacts', 'Artifacts'],
    [`/artifacts/artifact/${ids.artifact}`, 'daily-report'],
    ['/artifacts/key/daily-report', 'daily-report'],
    ['/assets', 'Assets'],
    [`/runs/compare?a=${ids.run}&b=${ids.run}`, 'Compare two runs'],
    ['/runs/jobs', 'Bulk jobs'],
    [`/runs/jobs/job/${ids.job}`, 'Add tags to 1 run'],
    ['/runs/calendar', 'Calendar'],
    ['/settings', 'Settings'],
    ['/login', 'Sign in'],
  ]
}

/** Pages with something opened beside them. */
export function listPanels(ids: Ids): [string, string][] {
  return [[`/runs/flow-run/${ids.run}?tab=timeline&node=${ids.task}`, 'broken-heron']]
}

/** Addresses that other programs link to, beside those of the pages. */
export function listLinks(ids: Ids): [string, string][] {
  return [
    [`/work-pools/work-pool/local/worker/${ids.worker}`, 'worker-1'],
    ['/dashboard', 'Overview'],
    [`/flow-runs/flow-run/${ids.run}`, 'broken-heron'],
    [`/flow-runs/task-run/${ids.task}`, 'transform-0'],
    [`/v2/runs/flow-run/${ids.run}`, 'broken-heron'],
    ['/events/event/2026-11-29/1', 'Event'],
    ['/flow-runs', 'Runs'],
  ]
}
