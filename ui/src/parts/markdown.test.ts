import { expect, test } from 'vitest'
import { parseInlines, parseMarkdown } from './markdown'

test('a text is split into blocks', () => {
  const kinds = parseMarkdown('# Report\n\nAll **fine**.\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```py\ncode\n```\n\n---\n> said').map((block) => block.kind)
  expect(kinds).toEqual(['heading', 'paragraph', 'list', 'table', 'code', 'rule', 'quote'])
})

test('only links that a page may follow are links', () => {
  const links = parseInlines('[a](https://x.example) [b](javascript:alert(1)) <script>x</script>').filter((part) => part.kind === 'link')
  expect(links).toEqual([{ kind: 'link', text: 'a', href: 'https://x.example' }])
})

test('a fence that is not closed ends with the text', () => {
  expect(parseMarkdown('```\nx')).toEqual([{ kind: 'code', text: 'x', language: '' }])
})
