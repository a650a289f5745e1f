/** Whether the window is as narrow as a phone's, as `.desktop` in `design/base.css` has it. */
import { MediaQuery } from 'svelte/reactivity'

export const phone = new MediaQuery('(max-width: 600px)')
