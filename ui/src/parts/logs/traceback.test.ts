import { expect, test } from 'vitest'
import { parseTraceback, splitError } from './traceback'

const TEXT = `Task run failed with exception: TimeoutError('slow')
Traceback (most recent call last):
  File "/opt/venv/lib/python3.12/site-packages/prefect/engine/shells.py", line 61, in call_sync
    return function(*args, **kwargs)
  File "/srv/flows/etl.py", line 48, in transform
    rows = read_rows(
    ^^^^^^^^^^^^^^^^^
TimeoutError: the warehouse
did not answer`

test('a traceback is split into frames, of which some are the user’s own', () => {
  const parsed = parseTraceback(TEXT)!
  expect(parsed.frames.map((frame) => [frame.name, frame.line, frame.own])).toEqual([
    ['call_sync', 61, false],
    ['transform', 48, true],
  ])
  expect(parsed.frames[1]!.code).toEqual(['rows = read_rows(', '^^^^^^^^^^^^^^^^^'])
  expect(parsed.error).toBe('TimeoutError: the warehouse\ndid not answer')
})

test('a text without a traceback has none', () => {
  expect(parseTraceback('all is well')).toBeUndefined()
})

test.each([
  ['Flow run encountered an exception: ValueError: no rows', 'ValueError', 'no rows'],
  ['Task run encountered an exception TimeoutError: slow', 'TimeoutError', 'slow'],
  ["Flow run encountered an exception: my.Own('x')", '', "Flow run encountered an exception: my.Own('x')"],
  ['2/5 states failed.', '', '2/5 states failed.'],
])('%s is split', (text, kind, message) => {
  const found = splitError(text)
  if (kind) expect(found).toEqual({ kind, message })
  else expect(found.message.length).toBeGreaterThan(0)
})
