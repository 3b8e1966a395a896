// How the tutorial's frontend calls its backend: one axios instance, the tokens
// in localStorage, and an interceptor that renews the session. It stands for
// frontends in the field that nobody will change, so that nothing about it is to
// be improved: ../../../shared/seed-wire.md §9 says what it does.
import axios from 'axios'

/** What /config.json said: api, client_id, client_secret, google, facebook. */
export let config

export const api = axios.create({
  timeout: 10000,
  headers: { 'Content-Type': 'application/json', accept: 'application/json' },
})

/** Says where the API is, before the first call. */
export function configure(given) {
  config = given
  api.defaults.baseURL = `${config.api}/api-auth/`
  authorize(localStorage.getItem('access_token'))
}

/** Sends token with every call from here on; null: none. */
export function authorize(token) {
  api.defaults.headers.Authorization = token ? `Bearer ${token}` : null
}

/** The client, as the body of each request names it. */
export function client() {
  return { client_id: config.client_id, client_secret: config.client_secret }
}

/**
 * An option of calls whose caller shows what is wrong: all answers but 401 are
 * returned, which the interceptor would swallow otherwise.
 */
export const answered = { validateStatus: (status) => status !== 401 }

api.interceptors.response.use(
  (response) => response,
  async (error) => {
    if (typeof error.response === 'undefined') {
      alert('A server or network error occurred. It looks as if CORS might be the problem, or the server is down.')
      return Promise.reject(error)
    }
    const refreshToken = localStorage.getItem('refresh_token')
    if (error.response.status === 401 && !refreshToken) {
      window.location.href = '/login/'
      return Promise.reject(error)
    }
    if (error.response.status === 401 && error.response.statusText === 'Unauthorized') {
      axios
        .post(`${api.defaults.baseURL}token/`, {
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          ...client(),
        })
        .then((answer) => {
          localStorage.setItem('access_token', answer.data.access_token)
          localStorage.setItem('refresh_token', answer.data.refresh_token)
          authorize(answer.data.access_token)
          window.location.reload()
        })
        .catch((failure) => console.log(failure))
    }
  },
)
