import { expect, test } from 'vitest'
import type { RetryOutlook } from '../../api/schema'
import { describeLost, describeOutlook, nameFailed } from './retry'

const outlook = (more: Partial<RetryOutlook> = {}): RetryOutlook => ({ refusal: null, kept: 0, lost: [], repeated: 0, failed: 1, failed_of: 1, is_partial: false, ...more })
const lost = (reason: string, ...tasks: string[]) => tasks.map((task) => ({ task, reason, count: 1 }))

test('a retry says what it keeps', () => {
  expect(describeOutlook(outlook({ kept: 1 }))).toBe('1 completed task run is kept and not run a second time.')
  expect(describeOutlook(outlook({ kept: 1200 }))).toBe('1,200 completed task runs are kept and not run a second time.')
  expect(describeOutlook(outlook())).toBe('No result of a completed task run is kept.')
})

test('results that are not found again are named with the reason', () => {
  expect(describeLost(outlook())).toBe('')
  expect(describeLost(outlook({ lost: lost('not kept', 'extract') }))).toBe('The results of extract were not kept: @task(persist_result=True) keeps them.')
  expect(describeLost(outlook({ lost: lost('not kept', 'a', 'b', 'c', 'd') }))).toContain('of a, b, c and d were')
  expect(describeLost(outlook({ lost: lost('not kept', 'a', 'b', 'c', 'd', 'e', 'f') }))).toContain('of a, b, c and 3 more tasks were')
  expect(describeLost(outlook({ lost: [...lost('expired', 'a', 'b'), ...lost('subflow', 'child')] }))).toBe('The results of a and b have expired. Subflows run again as a whole: child (@flow(persist_result=True) keeps their results).')
  expect(describeOutlook(outlook({ kept: 2, lost: lost('expired', 'a') }))).toBe('2 completed task runs are kept and not run a second time. The results of a have expired. These run again, too.')
  expect(describeOutlook(outlook({ kept: 2, is_partial: true }))).toMatch(/more task runs than were looked at\.$/)
})

test('a retry from a task run says what runs again with it', () => {
  expect(describeOutlook(outlook({ repeated: 1, kept: 3 }), 'extract-1')).toBe('extract-1 runs again. 3 completed task runs are kept.')
  expect(describeOutlook(outlook({ repeated: 2 }), 'extract-1')).toBe('extract-1 runs again, and so does 1 completed task run that used its result.')
  expect(describeOutlook(outlook({ repeated: 13 }), 'extract-1')).toContain('and so do 12 completed task runs that used its result.')
})

test('the button names the failed items of a map', () => {
  expect(nameFailed(outlook(), 'load-1')).toBe('Retry from load-1')
  expect(nameFailed(outlook({ failed: 2, failed_of: 300 }), 'load-1')).toBe('Retry the 2 failed of 300')
  expect(nameFailed(outlook({ failed: 2, failed_of: 2 }), 'load-1')).toBe('Retry the 2 failed')
})
