import { mount } from 'svelte'
import App from './App.svelte'
import './design/base.css'
import { applyTheme } from './frame/preferences.svelte'

applyTheme()
mount(App, { target: document.getElementById('app')! })
