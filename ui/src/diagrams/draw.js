// Draws diagrams for the page, in a document of its own that may do nothing else: Mermaid writes style elements, which the
// page does not allow, and what it draws is a stranger's text. The page shows the result as an image.
/* global mermaid */
let number = 0

addEventListener('message', async ({ data, source }) => {
  if (source !== parent) return
  try {
    mermaid.initialize({ startOnLoad: false, securityLevel: 'strict', htmlLabels: false, flowchart: { htmlLabels: false }, theme: data.dark ? 'dark' : 'default', fontFamily: 'system-ui, sans-serif' })
    const { svg } = await mermaid.render(`diagram-${(number += 1)}`, data.code)
    // HTML allows what an image, which is XML, does not.
    const drawn = new DOMParser().parseFromString(svg, 'text/html').querySelector('svg')
    const box = drawn.viewBox.baseVal
    drawn.setAttribute('width', box.width)
    drawn.setAttribute('height', box.height)
    parent.postMessage({ id: data.id, svg: new XMLSerializer().serializeToString(drawn) }, '*')
  } catch (error) {
    document.querySelectorAll('body > :not(script)').forEach((left) => left.remove())
    parent.postMessage({ id: data.id, error: String(error.message ?? error) }, '*')
  }
})
parent.postMessage({ ready: true }, '*')
