import { expect, test } from 'vitest'
import type { DeploymentRow } from '../../api/schema'
import { groupDeployments } from './groups'

const rows = [
  { name: 'a', flow: { id: '1', name: 'etl' }, work_pool: 'k8s', tags: ['prod', 'etl'] },
  { name: 'b', flow: { id: '2', name: 'train' }, work_pool: null, tags: [] },
] as unknown as DeploymentRow[]

test.each([
  ['', [['', 'ab']]],
  ['flow', [['etl', 'a'], ['train', 'b']]],
  ['pool', [['k8s', 'a'], ['Without a work pool', 'b']]],
  ['tag', [['etl', 'a'], ['prod', 'a'], ['Without a tag', 'b']]],
] as const)('deployments in groups by %s', (by, groups) => {
  expect(groupDeployments(rows, by).map((group) => [group.name, group.rows.map((row) => row.name).join('')])).toEqual(groups)
})
