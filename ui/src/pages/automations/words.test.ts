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

test('an action is in words', () => {
  expect(describeAction({ type: 'pause-work-pool' })).toBe('pause work pool')
  expect(describeAction({ type: 'send-notification', subject: 'x' })).toBe('send a notification “x”')
})
