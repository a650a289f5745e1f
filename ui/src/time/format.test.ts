import { expect, test } from 'vitest'
import { formatBytes, formatDuration, formatRelative, formatShare, formatTime } from './format'

test.each([
  [0, '0 s'],
  [0.0002, '<1 ms'],
  [0.24, '240 ms'],
  [3.27, '3.2 s'],
  [59.99, '59 s'],
  [106, '1m 46s'],
  [3720, '1h 02m'],
  [274000, '3d 4h'],
  [-65, '-1m 05s'],
])('a duration of %d s is %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text)
})

test.each([
  [0, '0%'],
  [2 / 3, '66.7%'],
  [0.25, '25%'],
  [0.9999, '99.9%'],
  [0.00001, '0.1%'],
  [1, '100%'],
])('a share of %d is %s', (share, text) => {
  expect(formatShare(share)).toBe(text)
})

test.each([
  [920, '920 B'],
  [4210, '4.2 KB'],
  [12_400_000, '12 MB'],
])('a size of %d bytes is %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [-2000, 'just now'],
  [2000, 'now'],
  [-90_000, '1m ago'],
  [7_300_000, 'in 2h'],
  [-3 * 86_400_000, '3d ago'],
])('a time %d ms from now is %s', (distance, text) => {
  expect(formatRelative(1e12 + distance, 1e12)).toBe(text)
})

test('a time of another year has its year', () => {
  const at = Date.UTC(2026, 10, 29, 19, 4, 7)
  expect(formatTime(at, 'utc', at)).toBe('29 Nov, 19:04:07')
  expect(formatTime(at, 'utc', at + 400 * 86_400_000)).toBe('29 Nov 2026, 19:04:07')
})
