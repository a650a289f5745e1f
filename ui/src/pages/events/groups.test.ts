import { expect, test } from 'vitest'
import type { ReceivedEvent } from '../../api/schema'
import { groupByRun, summarize } from './groups'

const event = (id: string, name: string, resource: string, run?: string) =>
  ({ id, event: name, resource: { 'prefect.resource.id': resource }, related: run ? [{ 'prefect.resource.id': `prefect.flow-run.${run}`, 'prefect.resource.name': 'otter' }] : [] }) as unknown as ReceivedEvent

test('events of a flow run and of its task runs are one group, where the newest of them is', () => {
  const groups = groupByRun([
    event('5', 'prefect.flow-run.Completed', 'prefect.flow-run.a'),
    event('4', 'shop.closed', 'shop.1'),
    event('3', 'prefect.task-run.Completed', 'prefect.task-run.t', 'a'),
    event('2', 'prefect.flow-run.Running', 'prefect.flow-run.a'),
  ])
  expect(groups.map((group) => group.events.map((each) => each.id))).toEqual([['5', '3', '2'], ['4']])
  expect(groups[0]!.run!['prefect.resource.name']).toBe('otter')
  expect(groups.map(summarize)).toEqual(['Running → Completed · 1 task run event', '1 other event'])
})

test('heartbeats of a flow run are counted', () => {
  const beats = ['4', '3', '2'].map((id) => event(id, 'prefect.flow-run.heartbeat', 'prefect.flow-run.a'))
  expect(groupByRun([...beats, event('1', 'prefect.flow-run.Running', 'prefect.flow-run.a')]).map(summarize)).toEqual(['Running · 3 heartbeats'])
})
