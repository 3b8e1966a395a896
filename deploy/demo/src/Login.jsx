import { Link, useLocation, useNavigate } from 'react-router'

import { answered, api, client } from './api'
import { Field, FormError, Submit, useForm } from './form'
import { Title } from './page'
import { keep } from './session'
import SocialButtons from './SocialButtons'

export default function Login() {
  const navigate = useNavigate()
  const notice = useLocation().state?.notice
  const { wrong, busy, props } = useForm(
    ['username', 'password'],
    (values) => api.post('token/', { grant_type: 'password', ...values, ...client() }, answered),
    (pair) => {
      keep(pair)
      navigate('/profile/')
    },
  )
  return (
    <section className="narrow card">
      <Title>Log in</Title>
      {notice && <p className="notice" role="status">{notice}</p>}
      <form {...props}>
        <FormError wrong={wrong} />
        <Field name="username" label="E-mail" type="email" autoComplete="username" required wrong={wrong} />
        <Field name="password" label="Password" type="password" autoComplete="current-password" required wrong={wrong} />
        <Submit busy={busy}>Log in</Submit>
      </form>
      <SocialButtons />
      <p className="aside">No account yet? <Link to="/signup/">Sign up</Link></p>
    </section>
  )
}
