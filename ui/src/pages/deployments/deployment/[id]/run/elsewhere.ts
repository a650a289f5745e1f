/** The command and the Python that create the same run of a deployment as the form. */
import { quoteShell, toPython } from '../../../../../parts/forms/python'

export interface RunOptions {
  parameters: Record<string, unknown>
  name?: string
  tags?: string[]
  /** When it is to start, in ISO 8601; at once by default. */
  at?: string | undefined
  queue?: string
  variables?: Record<string, unknown>
}

/** @param target the names of the flow and of the deployment, as `etl/prod`. */
export function toRunCommand(target: string, { parameters, name, tags = [], at, variables = {} }: RunOptions): string {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  const options = [
    `--params ${quoteShell(JSON.stringify(parameters))}`,
    name && `--flow-run-name ${quoteShell(name)}`,
    ...tags.map((tag) => `--tag ${quoteShell(tag)}`),
    at && `--start-at ${quoteShell(at)}`,
    ...Object.entries(variables).map(([key, value]) => `--job-variable ${quoteShell(`${key}=${text(value)}`)}`),
  ]
  return `prefect deployment run ${quoteShell(target)} ${options.filter(Boolean).join(' ')}`
}

export function toRunPython(target: string, { parameters, name, tags = [], at, queue, variables = {} }: RunOptions): string {
  const options = [
    `parameters=${toPython(parameters)}`,
    name && `flow_run_name=${toPython(name)}`,
    tags.length && `tags=${toPython(tags)}`,
    at && `scheduled_time=datetime.fromisoformat(${toPython(at)})`,
    queue && `work_queue_name=${toPython(queue)}`,
    Object.keys(variables).length && `job_variables=${toPython(variables)}`,
  ]
  return `${at ? 'from datetime import datetime\n\n' : ''}from prefect.deployments import run_deployment\n\nrun_deployment(${toPython(target)}, ${options.filter(Boolean).join(', ')})`
}
