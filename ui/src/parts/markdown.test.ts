import { expect, test } from 'vitest'
import { parseInlines, parseMarkdown, toPlainText, type Block, type Inline } from './markdown'

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
  expect(parseInlines('area $\\pi r^2$ of $a$').filter((part) => part.kind === 'math').map((part) => 'text' in part && part.text)).toEqual(['\\pi r^2', 'a'])
  expect(parseInlines('$5 and $6, or $ 7 $, US$8').map((part) => part.kind)).toEqual(['text'])
})

test('a fence that is not closed ends with the text', () => {
  expect(parseMarkdown('```\nx')).toEqual([{ kind: 'code', text: 'x', language: '' }])
})

test('underscores within a word emphasize nothing', () => {
  expect(parseInlines('order_line_id and my__own__name').map((part) => part.kind)).toEqual(['text'])
  expect(parseInlines('_all_ of (__it__)').map((part) => part.kind)).toEqual(['italic', 'text', 'bold', 'text'])
})

test('lists show the words of a text in one line', () => {
  expect(toPlainText('# Report\n\nAll **fine**,\nsee [orders](https://x.example).\n\n- `a`\n- b\n\n---\n\n| x | y |\n|---|---|\n| 1 | 2 |')).toBe('Report All fine, see orders. a, b x y, 1 2')
})

/** Return the shape of blocks: lists as arrays, with what each item holds. */
function outline(blocks: Block[]): unknown[] {
  const words = (inlines: Inline[]): string => inlines.map((inline) => ('text' in inline ? inline.text : words(inline.inlines))).join('')
  return blocks.map((block) => {
    if (block.kind === 'list') return { [block.ordered ? `from ${block.start}` : 'list']: block.items.map((item) => [...(item.checked === undefined ? [] : [item.checked]), ...outline(item.blocks)]) }
    return block.kind === 'paragraph' ? words(block.inlines) : block.kind
  })
}

test.each([
  ['- a\n  - b\n    - c\n  - d\n- e', [{ list: [['a', { list: [['b', { list: [['c']] }], ['d']] }], ['e']] }]],
  ['1. a\n   - b\n   - c\n2. d', [{ 'from 1': [['a', { list: [['b'], ['c']] }], ['d']] }]],
  ['- a\n\t1. b\n\t2. c', [{ list: [['a', { 'from 1': [['b'], ['c']] }]] }]],
  ['3. a\n4. b', [{ 'from 3': [['a'], ['b']] }]],
  ['- [x] a\n  - [ ] b\n- [y] c', [{ list: [[true, 'a', { list: [[false, 'b']] }], ['[y] c']] }]],
  ['- a\n\n  more\n\n- b\n\nafter', [{ list: [['a', 'more'], ['b']] }, 'after']],
  ['- a\n  goes on\n- b\nafter', [{ list: [['a\ngoes on'], ['b']] }, 'after']],
  ['- a\n  ```\n  code\n  ```\n- b', [{ list: [['a', 'code'], ['b']] }]],
  ['- a\n1. b', [{ list: [['a']] }, { 'from 1': [['b']] }]],
  ['  - a\n- b', [{ list: [['a'], ['b']] }]],
  ['- a\n\n\n\n', [{ list: [['a']] }]],
])('lists are nested as they are indented: %j', (text, shape) => {
  expect(outline(parseMarkdown(text))).toEqual(shape)
})

test('quotes hold lists', () => {
  const [quote] = parseMarkdown('> said:\n>\n> - a\n>   - b')
  expect(outline(quote!.kind === 'quote' ? quote!.blocks : [])).toEqual(['said:', { list: [['a', { list: [['b']] }]] }])
})

test.each([`${'- '.repeat(20_000)}x`, `${'> '.repeat(20_000)}x`, Array.from({ length: 300 }, (_, n) => `${' '.repeat(2 * n)}- x`).join('\n')])('what is nested too deep is text', (text) => {
  expect(JSON.stringify(parseMarkdown(text)).match(/"kind":"(list|quote)"/g)!.length).toBeLessThan(50)
})

test('emphasis holds other marks, and a backslash takes the meaning from one', () => {
  expect(parseInlines('**a `b` ~~c~~**')).toEqual([{ kind: 'bold', inlines: [{ kind: 'text', text: 'a ' }, { kind: 'code', text: 'b' }, { kind: 'text', text: ' ' }, { kind: 'struck', inlines: [{ kind: 'text', text: 'c' }] }] }])
  expect(parseInlines('\\*a\\*').map((part) => ('text' in part ? part.text : part.kind)).join('')).toBe('*a*')
})

test('dashes, stars or underscores alone on a line are a rule', () => {
  expect(parseMarkdown('- - -\n***\n_ _ _').map((block) => block.kind)).toEqual(['rule', 'rule', 'rule'])
})

test('lists show nested items of a text in one line', () => {
  expect(toPlainText('- a\n  - **b**\n- c')).toBe('a b, c')
})
