import { expect, test } from 'vitest'
import { toRunCommand, toRunPython } from './elsewhere'

test('what is left as it is, is left out', () => {
  expect(toRunCommand('etl/prod', { parameters: {} })).toBe("prefect deployment run 'etl/prod' --params '{}'")
  expect(toRunPython('etl/prod', { parameters: { a: null } })).toBe('from prefect.deployments import run_deployment\n\nrun_deployment("etl/prod", parameters={"a": None})')
})

test('a run has its name, tags, time and job variables', () => {
  const options = { parameters: { a: 1 }, name: 'mine', tags: ['x', "y's"], at: '2026-11-30T17:00:00.000Z', queue: 'high', variables: { image: 'python', env: { A: 'b' } } }
  expect(toRunCommand('etl/prod', options)).toBe(
    `prefect deployment run 'etl/prod' --params '{"a":1}' --flow-run-name 'mine' --tag 'x' --tag 'y'"'"'s' --start-at '2026-11-30T17:00:00.000Z' --job-variable 'image=python' --job-variable 'env={"A":"b"}'`,
  )
  expect(toRunPython('etl/prod', options)).toBe(
    'from datetime import datetime\n\nfrom prefect.deployments import run_deployment\n\nrun_deployment("etl/prod", parameters={"a": 1}, flow_run_name="mine", tags=["x", "y\'s"], scheduled_time=datetime.fromisoformat("2026-11-30T17:00:00.000Z"), work_queue_name="high", job_variables={"image": "python", "env": {"A": "b"}})',
  )
})
