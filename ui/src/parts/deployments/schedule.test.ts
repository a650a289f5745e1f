import { expect, test } from 'vitest'
import { describeSchedule } from './schedule'

test.each([
  [{ interval: 1200, timezone: 'UTC' }, 'Every 20 minutes (UTC)'],
  [{ interval: 86400 }, 'Every day (UTC)'],
  [{ interval: 90 }, 'Every 90 seconds (UTC)'],
  [{ cron: '0 3 * * *', timezone: 'Europe/Berlin' }, 'Every day at 03:00 (Europe/Berlin)'],
  [{ cron: '*/5 * * * *' }, 'Every 5 minutes (UTC)'],
  [{ cron: '30 9 * * 1-5' }, 'Monday to Friday at 09:30 (UTC)'],
  [{ cron: '0 12 * * 0,6' }, 'Sunday, Saturday at 12:00 (UTC)'],
  [{ cron: '0 0 1 * *' }, 'On day 1 of each month at 00:00 (UTC)'],
  [{ cron: '0 0 1 */2 *' }, 'cron 0 0 1 */2 * (UTC)'],
  [{ cron: '@daily' }, 'daily (UTC)'],
  [{ rrule: 'FREQ=DAILY' }, 'By rule FREQ=DAILY (UTC)'],
])('%j is %s', (schedule, words) => {
  expect(describeSchedule(schedule)).toBe(words)
})
