/** Schedules in words. */

export interface Schedule {
  interval?: number
  anchor_date?: string
  cron?: string
  rrule?: string
  timezone?: string | null
  day_or?: boolean
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** Return what a schedule says, always with its time zone. */
export function describeSchedule(schedule: Schedule): string {
  const zone = schedule.timezone ?? 'UTC'
  if (schedule.cron !== undefined) return `${describeCron(schedule.cron)} (${zone})`
  if (schedule.interval !== undefined) return `Every ${describeInterval(schedule.interval)} (${zone})`
  if (schedule.rrule !== undefined) return `By rule ${schedule.rrule.replace(/\s+/g, ' ')} (${zone})`
  return 'By a schedule of another kind'
}

function describeInterval(seconds: number): string {
  const units: [number, string][] = [[604800, 'week'], [86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']]
  for (const [size, unit] of units) {
    if (seconds >= size && seconds % size === 0) {
      const count = seconds / size
      return count === 1 ? unit : `${count} ${unit}s`
    }
  }
  return `${seconds} seconds`
}

/** Return a cron line in words where it is a common one, else as it is written. */
export function describeCron(cron: string): string {
  const parts = cron.trim().split(/\s+/)
  if (parts.length !== 5) return cron.startsWith('@') ? cron.slice(1) : `cron ${cron}`
  const [minute, hour, day, month, weekday] = parts as [string, string, string, string, string]
  if (month !== '*') return `cron ${cron}`
  const at = /^\d+$/.test(minute) && /^\d+$/.test(hour) ? `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}` : undefined
  if (day === '*' && weekday === '*') {
    if (at) return `Every day at ${at}`
    if (minute === '*' && hour === '*') return 'Every minute'
    const step = /^\*\/(\d+)$/.exec(minute)
    if (step && hour === '*') return `Every ${step[1]} minutes`
    if (/^\d+$/.test(minute) && hour === '*') return `Every hour at minute ${minute}`
    const hours = /^\*\/(\d+)$/.exec(hour)
    if (hours && /^\d+$/.test(minute)) return `Every ${hours[1]} hours at minute ${minute}`
  }
  if (at && day === '*' && weekday === '1-5') return `Monday to Friday at ${at}`
  if (at && day === '*' && /^[0-7](,[0-7])*$/.test(weekday)) return `${weekday.split(',').map((each) => DAYS[Number(each) % 7]).join(', ')} at ${at}`
  if (at && /^\d+$/.test(day) && weekday === '*') return `On day ${day} of each month at ${at}`
  return `cron ${cron}`
}
