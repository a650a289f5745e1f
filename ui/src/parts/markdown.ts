/** Markdown as a tree that is drawn with elements: no HTML of the text is ever used. */

export type Inline = { kind: 'text' | 'code' | 'math' | 'bold' | 'italic' | 'link' | 'image'; text: string; href?: string }

export type Block =
  | { kind: 'heading'; level: number; inlines: Inline[] }
  | { kind: 'paragraph'; inlines: Inline[] }
  | { kind: 'quote'; inlines: Inline[] }
  | { kind: 'code'; text: string; language: string }
  | { kind: 'math'; text: string }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' }

// Dollars are around a formula where no space is inside of them, and no digit follows: `$5 and $6` is none.
// Underscores emphasize whole words only: `order_line_id` is a name.
const INLINE = /`([^`]+)`|\$(?![\s$])((?:\\.|[^$\\])*?[^\s\\$])\$(?!\d)|\*\*(.+?)\*\*|(?<!\w)__(.+?)__(?!\w)|\*([^*\s][^*]*)\*|(?<!\w)_([^_\s][^_]*)_(?!\w)|!\[([^\]]*)\]\(([^)\s]+)[^)]*\)|\[([^\]]+)\]\(([^)\s]+)[^)]*\)|(https?:\/\/[^\s<)]+)/g

/** Return a link if it is one that a page may follow. */
function safe(href: string): string | undefined {
  return /^(https?:|mailto:|\/)/i.test(href) ? href : undefined
}

export function parseInlines(text: string): Inline[] {
  const found: Inline[] = []
  let from = 0
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) found.push({ kind: 'text', text: text.slice(from, match.index) })
    const [whole, code, math, strong, strong2, em, em2, alt, src, label, href, bare] = match
    if (code !== undefined) found.push({ kind: 'code', text: code })
    else if (math !== undefined) found.push({ kind: 'math', text: math })
    else if (strong ?? strong2) found.push({ kind: 'bold', text: (strong ?? strong2) as string })
    else if (em ?? em2) found.push({ kind: 'italic', text: (em ?? em2) as string })
    else {
      const target = safe((src ?? href ?? bare) as string)
      const shown = label ?? (src !== undefined ? alt || src : whole)
      found.push(target ? { kind: src !== undefined ? 'image' : 'link', text: shown as string, href: target } : { kind: 'text', text: shown as string })
    }
    from = match.index + whole.length
  }
  if (from < text.length) found.push({ kind: 'text', text: text.slice(from) })
  return found
}

/** Return the blocks of a text. */
export function parseMarkdown(text: string): Block[] {
  const lines = text.replace(/\r/g, '').split('\n')
  const blocks: Block[] = []
  let n = 0
  while (n < lines.length) {
    const line = lines[n] as string
    const heading = /^(#{1,6})\s+(.*)$/.exec(line)
    const fence = /^\s*(```|~~~)(\S*)/.exec(line)
    if (!line.trim()) n += 1
    else if (/^\s*\$\$/.test(line)) n = addMath(blocks, lines, n)
    else if (fence) n = addCode(blocks, lines, n, fence[1] as string, fence[2] ?? '')
    else if (heading) {
      blocks.push({ kind: 'heading', level: heading[1]!.length, inlines: parseInlines(heading[2]!) })
      n += 1
    } else if (/^\s*(-{3,}|\*{3,}|_{3,})\s*$/.test(line)) {
      blocks.push({ kind: 'rule' })
      n += 1
    } else if (line.includes('|') && /^\s*\|?[\s:|-]+\|[\s:|-]*$/.test(lines[n + 1] ?? '')) n = addTable(blocks, lines, n)
    else if (/^\s*([-*+]|\d+[.)])\s+/.test(line)) n = addList(blocks, lines, n)
    else n = addText(blocks, lines, n)
  }
  return blocks
}

/** Return the words of a text in one line, for lists. */
export function toPlainText(text: string): string {
  const join = (inlines: Inline[]) => inlines.map((inline) => inline.text).join('')
  const lines = parseMarkdown(text).map((block) => {
    if ('inlines' in block) return join(block.inlines)
    if (block.kind === 'list') return block.items.map(join).join(', ')
    if (block.kind === 'table') return [block.head, ...block.rows].map((row) => row.map(join).join(' ')).join(', ')
    return block.kind === 'rule' ? '' : block.text
  })
  return lines.filter(Boolean).join(' ').replace(/\s+/g, ' ')
}

function addCode(blocks: Block[], lines: string[], begin: number, mark: string, language: string): number {
  let n = begin + 1
  const code: string[] = []
  while (n < lines.length && !lines[n]!.trim().startsWith(mark)) code.push(lines[n++] as string)
  const text = code.join('\n')
  blocks.push(['math', 'latex', 'tex'].includes(language) ? { kind: 'math', text } : { kind: 'code', text, language })
  return n + 1
}

/** Add a formula between double dollars, on one line or on more. */
function addMath(blocks: Block[], lines: string[], begin: number): number {
  let n = begin
  const text: string[] = [lines[n++]!.trim().slice(2)]
  while (n < lines.length && !text.at(-1)!.trim().endsWith('$$')) text.push(lines[n++] as string)
  blocks.push({ kind: 'math', text: text.join('\n').trim().replace(/\$\$$/, '').trim() })
  return n
}

function addTable(blocks: Block[], lines: string[], begin: number): number {
  const cells = (line: string) => line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => parseInlines(cell.trim()))
  let n = begin + 2
  const rows: Inline[][][] = []
  while (n < lines.length && lines[n]!.includes('|')) rows.push(cells(lines[n++] as string))
  blocks.push({ kind: 'table', head: cells(lines[begin] as string), rows })
  return n
}

function addList(blocks: Block[], lines: string[], begin: number): number {
  const ITEM = /^\s*([-*+]|\d+[.)])\s+(.*)$/
  const items: string[] = []
  let n = begin
  for (; n < lines.length; n += 1) {
    const item = ITEM.exec(lines[n] as string)
    if (item) items.push(item[2] as string)
    else if (/^\s+\S/.test(lines[n] as string) && items.length) items[items.length - 1] += ` ${lines[n]!.trim()}`
    else break
  }
  blocks.push({ kind: 'list', ordered: /^\s*\d/.test(lines[begin] as string), items: items.map(parseInlines) })
  return n
}

function addText(blocks: Block[], lines: string[], begin: number): number {
  const quote = /^\s*>/.test(lines[begin] as string)
  const text: string[] = []
  let n = begin
  while (n < lines.length && lines[n]!.trim() && (n === begin || !/^(#{1,6}\s|\s*(\$\$|```|~~~|[-*+]\s|\d+[.)]\s))/.test(lines[n]!))) {
    text.push(lines[n++]!.replace(/^\s*>\s?/, ''))
  }
  const inlines = parseInlines(text.join('\n'))
  blocks.push(quote ? { kind: 'quote', inlines } : { kind: 'paragraph', inlines })
  return n
}
