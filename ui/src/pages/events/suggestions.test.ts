import { expect, test } from 'vitest'
import { suggest } from './suggestions'

test('groups of several come before what they have', () => {
  const counts = [
    { value: 'prefect.flow-run.Running', label: 'prefect.flow-run.Running', count: 3 },
    { value: 'prefect.flow-run.Failed', label: 'prefect.flow-run.Failed', count: 1 },
    { value: 'shop.order-placed', label: 'Order', count: 2 },
    { value: 'plain', label: 'plain', count: 1 },
  ]
  expect(suggest(counts)).toEqual([
    { value: 'prefect.flow-run.*', label: '4 events' },
    { value: 'prefect.flow-run.Running', label: '3 events' },
    { value: 'prefect.flow-run.Failed', label: '1 event' },
    { value: 'shop.order-placed', label: 'Order, 2 events' },
    { value: 'plain', label: '1 event' },
  ])
})
