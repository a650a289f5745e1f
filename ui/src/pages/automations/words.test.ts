import { expect, test } from 'vitest'
import { describeAction, describeTrigger } from './words'

test.each([
  [{ type: 'event', posture: 'Reactive', expect: ['prefect.flow-run.Failed', 'prefect.flow-run.Crashed'], match: { 'prefect.resource.id': 'prefect.flow-run.*' }, match_related: { 'prefect.resource.id': ['prefect.tag.prod'] } }, 'prefect.flow-run.Failed or prefect.flow-run.Crashed of prefect.tag.prod happens'],
  [{ type: 'event', posture: 'Proactive', expect: ['heartbeat'], threshold: 1, within: 120 }, 'heartbeat does not happen within 2 min'],
  [{ type: 'event', posture: 'Reactive', expect: [], threshold: 3, within: 45 }, 'any event happens 3 times within 45 s'],
  [{ type: 'compound', require: 'any', triggers: [{ type: 'event', expect: ['a'] }, { type: 'event', expect: ['b'] }], within: 3600 }, 'Any of: a happens; b happens within 1 h'],
])('a trigger is a sentence', (trigger, words) => {
  expect(describeTrigger(trigger)).toBe(words)
})

test('a trigger names what it is about', () => {
  const flow = '01a22cb0-e411-7137-9d64-03e799289375'
  const trigger = { type: 'event', posture: 'Proactive', expect: ['prefect.flow-run.Completed'], within: 60, match_related: { 'prefect.resource.role': 'flow', 'prefect.resource.id': `prefect.flow.${flow}` } }
  expect(describeTrigger(trigger, new Map([[flow, 'nightly-etl']]))).toBe('prefect.flow-run.Completed of flow nightly-etl does not happen within 1 min')
  expect(describeTrigger(trigger)).toBe(`prefect.flow-run.Completed of prefect.flow.${flow} does not happen within 1 min`)
})

test('an action is in words', () => {
  expect(describeAction({ type: 'pause-work-pool' })).toBe('pause work pool')
  expect(describeAction({ type: 'send-notification', subject: 'x' })).toBe('send a notification “x”')
})
