import { useId, useRef } from 'react'
import { useNavigate } from 'react-router'

import { answered, api, client, config } from './api'
import { Field, FormError, Submit, useForm } from './form'
import { keep } from './session'

const providers = [
  { name: 'google', label: 'Google', backend: 'google-oauth2', Logo: GoogleLogo },
  { name: 'facebook', label: 'Facebook', backend: 'facebook', Logo: FacebookLogo },
]

/** A button for each provider that the server of this page has. */
export default function SocialButtons() {
  const offered = providers.filter(({ name }) => config[name])
  if (offered.length === 0) return null
  return (
    <div className="social">
      <p className="or"><span>or</span></p>
      {offered.map((provider) => <SocialButton key={provider.name} provider={provider} />)}
    </div>
  )
}

// The dialog is where the provider's own window would open. What comes out of
// it is the provider's access token, as its real script would give it.
function SocialButton({ provider: { name, label, backend, Logo } }) {
  const dialog = useRef(null)
  const title = useId()
  const navigate = useNavigate()
  const { wrong, busy, props } = useForm(
    ['email', 'name'],
    async (person) => {
      const token = await accessToken(name, person)
      if (!token) return { status: 502, data: { detail: `${label} does not answer.` } }
      return api.post('convert-token/', { grant_type: 'convert_token', backend, token, ...client() }, answered)
    },
    (pair) => {
      keep(pair)
      navigate('/profile/')
    },
  )
  return (
    <>
      <button type="button" className="provider" onClick={() => dialog.current.showModal()}>
        <Logo /> Continue with {label}
      </button>
      <dialog ref={dialog} aria-labelledby={title}>
        <form {...props}>
          <h2 id={title}><Logo /> Which {label} account?</h2>
          <p className="quiet">
            This stands in for {label} and asks for no password: whoever you name is signed in there.
          </p>
          <FormError wrong={wrong} />
          <Field name="email" label="E-mail" type="email" autoComplete="off" defaultValue="ada@gmail.com" wrong={wrong}
            hint={`Leave it empty for somebody who shows ${label} none.`} />
          <Field name="name" label="Name" autoComplete="off" defaultValue="Ada Lovelace" wrong={wrong} />
          <div className="buttons">
            <button type="button" onClick={() => dialog.current.close()}>Cancel</button>
            <Submit busy={busy}>Continue</Submit>
          </div>
        </form>
      </dialog>
    </>
  )
}

async function accessToken(provider, { email, name }) {
  const answer = await fetch(`/_dev/${provider}/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email, name, aud: config[provider].client_id }),
  })
  return answer.ok ? (await answer.json()).access_token : null
}

function GoogleLogo() {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path fill="#4285f4" d="M22.6 12.3c0-.8-.1-1.5-.2-2.3H12v4.3h5.9a5 5 0 0 1-2.2 3.3v2.8h3.6c2.1-2 3.3-4.8 3.3-8.1z" />
      <path fill="#34a853" d="M12 23c3 0 5.5-1 7.3-2.6l-3.6-2.8a6.6 6.6 0 0 1-9.8-3.5H2.2v2.9A11 11 0 0 0 12 23z" />
      <path fill="#fbbc05" d="M5.9 14.1a6.6 6.6 0 0 1 0-4.2V7.1H2.2a11 11 0 0 0 0 9.8z" />
      <path fill="#ea4335" d="M12 5.4c1.6 0 3.1.6 4.2 1.6l3.2-3.1A11 11 0 0 0 2.2 7.1l3.7 2.8A6.6 6.6 0 0 1 12 5.4z" />
    </svg>
  )
}

function FacebookLogo() {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <circle cx="12" cy="12" r="11" fill="#0866ff" />
      <path fill="#fff" d="M15.3 14.7l.5-3.2h-3.1V9.4c0-.9.4-1.7 1.8-1.7h1.4V5a17 17 0 0 0-2.5-.2c-2.5 0-4.2 1.5-4.2 4.3v2.4H6.4v3.2h2.8v8a11 11 0 0 0 3.5 0v-8z" />
    </svg>
  )
}
