import { expect, test } from 'vitest'
import { BlockHeights } from './window'

test('a log of a million lines has its height without a line drawn', () => {
  const heights = new BlockHeights(1_000_000, 19)
  expect(heights.total).toBe(19_000_000)
  expect(heights.visible(9_500_000, 700)).toEqual([2500, 2500])
})

test('a measured block moves those below it', () => {
  const heights = new BlockHeights(1000, 20)
  expect(heights.measure(1, 5000)).toBe(true)
  expect(heights.measure(1, 5000)).toBe(false)
  expect([heights.topOf(1), heights.topOf(2), heights.total]).toEqual([4000, 9000, 21_000])
  expect(heights.visible(4500, 5000)).toEqual([1, 2])
})

test('a log that grows keeps what was measured of full blocks', () => {
  const heights = new BlockHeights(250, 20)
  heights.measure(0, 4444)
  heights.measure(1, 1111)
  const longer = heights.resize(300)
  expect([longer.heightOf(0), longer.heightOf(1)]).toEqual([4444, 2000])
})
