import { expect, test } from 'vitest'
import { ACTIONS, buildTrigger, checkDefinition, kindOfTrigger, newAction, newDefinition, newTrigger, readTrigger, TEMPLATES, TRIGGER_KINDS, type StatusTrigger } from './definition'
import { describeTrigger, type Trigger } from './words'

const shown: StatusTrigger = { statuses: ['Failed', 'Crashed'], stays: 0, objects: [], flows: ['f1', 'f2'], tags: ['prod'] }

test.each([
  ['flow-run', shown],
  ['flow-run', { ...shown, statuses: ['Running'], stays: 1800, tags: [] }],
  ['flow-run', { ...shown, flows: [], tags: [] }],
  ['deployment', { ...shown, statuses: ['not-ready'], objects: ['d1'], flows: [], tags: [] }],
  ['work-pool', { ...shown, statuses: ['paused', 'not-ready'], objects: ['p1', 'p2'], flows: [], tags: [] }],
  ['work-queue', { ...shown, statuses: ['ready'], stays: 60, flows: [], tags: [] }],
] as [string, StatusTrigger][])('a trigger of the template %s is shown again as %j', (kind, given) => {
  expect(readTrigger(buildTrigger(kind, given))).toEqual({ kind, shown: given })
})

test('a trigger that no template makes is shown as it is', () => {
  const trigger: Trigger = { ...buildTrigger('flow-run', shown), threshold: 3 }
  expect([readTrigger(trigger), kindOfTrigger(trigger)]).toEqual([undefined, 'custom'])
})

test('a trigger that is stored is shown by its template, whatever the order of its parts', () => {
  const stored: Trigger = { id: 'x', type: 'event', posture: 'Reactive', after: [], expect: ['prefect.flow-run.Crashed', 'prefect.flow-run.Failed'], for_each: ['prefect.resource.id'], threshold: 1, within: 0, match: { 'prefect.resource.id': 'prefect.flow-run.*' }, match_related: {} } as Trigger
  expect(kindOfTrigger(stored)).toBe('flow-run')
})

test.each(TRIGGER_KINDS)('a new trigger %s has nothing wrong', (kind) => {
  const definition = { ...newDefinition(), name: 'x', trigger: newTrigger(kind), actions: [newAction('do-nothing')] }
  expect(checkDefinition(definition)).toEqual([])
  expect(kindOfTrigger(definition.trigger)).toBe(kind)
})

test('everything that is wrong is found at once', () => {
  const trigger: Trigger = { type: 'compound', require: 3, triggers: [{ ...newTrigger('custom'), posture: 'Proactive', within: 5 }, buildTrigger('flow-run', { ...shown, statuses: [] })] }
  const definition = { ...newDefinition(), trigger, actions: [newAction('send-notification'), newAction('pause-work-pool')] }
  expect(checkDefinition(definition).map((problem) => problem.path)).toEqual(['name', 'trigger.require', 'trigger.triggers.0.within', 'trigger.triggers.1.statuses', 'actions.0.block_document_id', 'actions.1.work_pool_id'])
})

test('all actions of the interface can be chosen, but what only the cloud does', () => {
  expect(Object.keys(ACTIONS)).toHaveLength(17)
  for (const type of Object.keys(ACTIONS)) expect(newAction(type).type).toBe(type)
})

test('a trigger of a template is a sentence with names', () => {
  const names = new Map([['f1', 'nightly'], ['f2', 'hourly']])
  expect(describeTrigger(buildTrigger('flow-run', shown), names)).toBe('a flow run of nightly or hourly tagged prod becomes failed or crashed')
  expect(describeTrigger(buildTrigger('work-pool', { ...shown, statuses: ['not-ready'], stays: 600, objects: [], flows: [], tags: [] }))).toBe('a work pool stays not ready for 10 min')
  expect(describeTrigger(newTrigger('metric'))).toBe('the duration of flow runs over 1 h is > 10 min for 5 min')
  expect(Object.keys(TEMPLATES)).toHaveLength(4)
})
