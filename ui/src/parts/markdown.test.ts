import { expect, test } from 'vitest'
import { parseInlines, parseMarkdown, toPlainText } from './markdown'

test('a text is split into blocks', () => {
  const kinds = parseMarkdown('# Report\n\nAll **fine**.\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```py\ncode\n```\n\n---\n> said').map((block) => block.kind)
  expect(kinds).toEqual(['heading', 'paragraph', 'list', 'table', 'code', 'rule', 'quote'])
})

test('only links that a page may follow are links', () => {
  const links = parseInlines('[a](https://x.example) [b](javascript:alert(1)) <script>x</script>').filter((part) => part.kind === 'link')
  expect(links).toEqual([{ kind: 'link', text: 'a', href: 'https://x.example' }])
})

test('formulas are between dollars, or in fences', () => {
  expect(parseMarkdown('$$\nx^2\n$$\n\n$$y$$\n\n```math\nz\n```')).toEqual(['x^2', 'y', 'z'].map((text) => ({ kind: 'math', text })))
  expect(parseInlines('area $\\pi r^2$ of $a$').filter((part) => part.kind === 'math').map((part) => part.text)).toEqual(['\\pi r^2', 'a'])
  expect(parseInlines('$5 and $6, or $ 7 $, US$8').map((part) => part.kind)).toEqual(['text'])
})

test('a fence that is not closed ends with the text', () => {
  expect(parseMarkdown('```\nx')).toEqual([{ kind: 'code', text: 'x', language: '' }])
})

test('underscores within a word emphasize nothing', () => {
  expect(parseInlines('order_line_id and my__own__name').map((part) => part.kind)).toEqual(['text'])
  expect(parseInlines('_all_ of (__it__)').map((part) => [part.kind, part.text])).toEqual([['italic', 'all'], ['text', ' of ('], ['bold', 'it'], ['text', ')']])
})

test('lists show the words of a text in one line', () => {
  expect(toPlainText('# Report\n\nAll **fine**,\nsee [orders](https://x.example).\n\n- `a`\n- b\n\n---\n\n| x | y |\n|---|---|\n| 1 | 2 |')).toBe('Report All fine, see orders. a, b x y, 1 2')
})
