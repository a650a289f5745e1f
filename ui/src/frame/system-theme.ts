/** The theme of the person's system, which canvases are drawn again for. */
import { MediaQuery } from 'svelte/reactivity'

export const systemIsDark = new MediaQuery('(prefers-color-scheme: dark)')
