import { Link, useNavigate } from 'react-router'

import { answered, api } from './api'
import { Field, FormError, Submit, useForm } from './form'
import { Title } from './page'
import { keep } from './session'
import SocialButtons from './SocialButtons'

export default function SignUp() {
  const navigate = useNavigate()
  const { wrong, busy, props } = useForm(
    ['email', 'username', 'first_name', 'password'],
    (values) => api.post('create/', values, answered),
    (pair) => {
      if (pair?.access_token) { // older backends answer with nothing
        keep(pair)
        navigate('/profile/')
      } else {
        navigate('/login/', { state: { notice: 'Your account is made. Please log in.' } })
      }
    },
  )
  return (
    <section className="narrow card">
      <Title>Sign up</Title>
      <form {...props}>
        <FormError wrong={wrong} />
        <Field name="email" label="E-mail" type="email" autoComplete="email" required wrong={wrong} />
        <Field name="username" label="Username" autoComplete="nickname" autoCapitalize="none" spellCheck={false} required wrong={wrong} />
        <Field name="first_name" label="First name" autoComplete="given-name" required wrong={wrong} />
        <Field name="password" label="Password" type="password" autoComplete="new-password" required wrong={wrong} />
        <Submit busy={busy}>Sign up</Submit>
      </form>
      <SocialButtons />
      <p className="aside">Have an account? <Link to="/login/">Log in</Link></p>
    </section>
  )
}
