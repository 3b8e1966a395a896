// The session of this browser: the two tokens in localStorage.
import { useSyncExternalStore } from 'react'

import { api, authorize, client } from './api'

const changed = new Set() // who wants to know

/** Takes up a new pair. */
export function keep(pair) {
  localStorage.setItem('access_token', pair.access_token)
  localStorage.setItem('refresh_token', pair.refresh_token)
  authorize(pair.access_token)
  changed.forEach((tell) => tell())
}

/** Forgets the pair, here only. */
export function forget() {
  localStorage.removeItem('access_token')
  localStorage.removeItem('refresh_token')
  authorize(null)
  changed.forEach((tell) => tell())
}

/** The access token, or null; whoever uses it sees it change, in another tab as well. */
export function useAccessToken() {
  return useSyncExternalStore(subscribe, () => localStorage.getItem('access_token'))
}

function subscribe(tell) {
  changed.add(tell)
  window.addEventListener('storage', tell)
  return () => {
    changed.delete(tell)
    window.removeEventListener('storage', tell)
  }
}

/**
 * Ends the session at the server by path, then here, and says whether it did.
 * Without an answer the interceptor is renewing an expired token, and will load
 * the page again.
 */
export async function leave(path) {
  const answer = await api.post(path, client())
  if (!answer) return false
  forget()
  return true
}
